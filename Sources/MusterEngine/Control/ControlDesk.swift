import MusterModel
import MusterThreads
import Synchronization

/// Where requests of the control plane wait for their answers, and answers for what they depend on.
///
/// A request over HTTP takes the same way through the shards as one over a WebSocket, in the same order. It poses as a
/// connection of a plane behind the last one, whose id leads back here.
///
/// ### Durability
/// An answer that depends on a record is held back until the record is durable, and so is whoever has changed something by a
/// visit to a shard (``durable(_:in:)``). Each turn of a plane looks whether something can go.
///
/// ### Limits
/// At most ``waitingMax`` requests wait at once; more are refused with `overloaded`. What has been changed cannot be refused any
/// more, so those who wait for it in ``durable(_:in:)`` count, and are limited by whoever lets operators in.
package final class ControlDesk: Sendable {
  /// How many requests may wait for their answers.
  package static let waitingMax = 65_536

  private enum Held {
    case answer(Reply, CheckedContinuation<Reply, Never>)
    case passage(CheckedContinuation<Bool, Never>)
  }

  private struct State {
    var last: UInt32 = 0
    var waiting: [UInt32: CheckedContinuation<Reply, Never>] = [:]
    var held: [(after: LSN, what: Held)] = []
    var isDraining = false

    var isFull: Bool { waiting.count + held.count >= ControlDesk.waitingMax }
  }

  private let state = ContendedLock(State())
  /// How many are held back, so that a turn can pass by without taking the lock.
  private let heldCount = Atomic<Int>(0)
  private let shard: Int

  /// - Parameter shard: The number behind the last plane.
  init(shard: Int) {
    self.shard = shard
  }

  /// Sends a request under a fresh id and waits for its answer.
  ///
  /// `send` is called at most once, at once, with the id that the request has to carry.
  func ask(_ send: (ConnectionID) -> Void) async -> Reply {
    await withCheckedContinuation { continuation in
      let admission = state.withLock { state -> Result<UInt32, Refusal> in
        guard !state.isDraining else { return .failure(Refusal(.drain)) }
        guard !state.isFull else { return .failure(Refusal(.overloaded, retryAfterMilliseconds: 1_000)) }
        repeat { state.last = (state.last + 1) & 0x03ff_ffff } while state.waiting[state.last] != nil
        state.waiting[state.last] = continuation
        return .success(state.last)
      }
      switch admission {
      case .success(let number): send(ConnectionID(shard: shard, slot: number, generation: 0))
      case .failure(let refusal): continuation.resume(returning: .refused(refusal))
      }
    }
  }

  /// Waits until a record is durable.
  ///
  /// - Throws: `unavailable` when it never will be, since the log has failed.
  func durable(_ after: LSN, in journal: any MutationJournal) async throws(Refusal) {
    guard after > journal.durableThrough else { return }
    let isKept = await withCheckedContinuation { continuation in hold(.passage(continuation), after: after) }
    guard isKept else { throw .lost }
  }

  /// Takes no more requests; those that wait get their answers.
  func beginDraining() {
    state.withLock { $0.isDraining = true }
  }

  // MARK: For the planes

  /// Hands an answer to whoever waits for it, or holds it back.
  ///
  /// What else is told to connections means nothing here.
  func receive(_ message: ConnectionMessage, _ durability: Durability) {
    switch message {
    case .welcome(let connection, _, let welcome, _, let after):
      answer(connection, .hello(welcome), after: after, durability)
    case .reply(let connection, _, let reply, _, let after):
      answer(connection, reply, after: after, durability)
    case .refuse(let connection, _, let refusal):
      answer(connection, .refused(refusal), after: .zero, durability)
    case .push, .end, .event, .gathered, .relayed, .presence: break
    }
  }

  /// Lets go what has become durable; when the log has failed, everything, as `unavailable`.
  func release(_ durability: Durability) {
    guard heldCount.load(ordering: .relaxed) > 0 else { return }
    let released = state.withLock { state in
      let released = state.held.filter { durability.isLost || $0.after <= durability.through }
      state.held.removeAll { durability.isLost || $0.after <= durability.through }
      heldCount.store(state.held.count, ordering: .relaxed)
      return released
    }
    for (after, what) in released {
      let isKept = after <= durability.through
      switch what {
      case .answer(let reply, let continuation): continuation.resume(returning: isKept ? reply : .refused(.lost))
      case .passage(let continuation): continuation.resume(returning: isKept)
      }
    }
  }

  private func answer(_ connection: ConnectionID, _ reply: Reply, after: LSN, _ durability: Durability) {
    guard let continuation = state.withLock({ $0.waiting.removeValue(forKey: connection.slot) }) else { return }
    if after <= durability.through {
      continuation.resume(returning: reply)
    } else {
      hold(.answer(reply, continuation), after: after)
    }
  }

  private func hold(_ what: sending Held, after: LSN) {
    state.withLock { state in
      state.held.append((after, what))
      heldCount.store(state.held.count, ordering: .relaxed)
    }
  }
}
