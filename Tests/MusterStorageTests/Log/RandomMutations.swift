import MusterEngine
import MusterModel
import MusterTestKit

/// Mutations of all kinds, by seed.
struct RandomMutations {
  let random: SeededRandom

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
  }

  /// As many kinds as there are.
  static let kinds = 11

  func next() -> Mutation { make(kind: random.below(Self.kinds)) }

  func make(kind: Int) -> Mutation {
    switch kind {
    case 0:
      .granted(
        SessionGrant(
          session: session(), user: user(), kind: random.pick(UserKind.allCases), device: random.pick(Device.allCases),
          status: random.pick(Self.statuses), text: text(140), created: wall(), expires: wall(), idleTTL: duration(),
          resumeWindow: duration()))
    case 1: .dormant(session(), random.pick(LeaveReason.allCases))
    case 2: .awake(session())
    case 3: .ended(session(), random.pick(LeaveReason.allCases))
    case 4: .joined(session(), channel(), meta: payload())
    case 5: .left(session(), channel())
    case 6: .metaSet(session(), channel(), meta: payload())
    case 7: .statusSet(session(), random.pick(Self.statuses), text: text(140))
    case 8: .overridden(user(), random.happens(percent: 30) ? nil : override())
    case 9: .dataSet(session(), SessionData(public: payload(), private: payload(), version: random.next()))
    default: .banned(user(), random.happens(percent: 30) ? nil : Ban(until: optional(wall()), reason: text(123)))
    }
  }

  /// Those that can be chosen.
  private static let statuses = Status.allCases.filter { $0 != .offline }

  private func override() -> StatusOverride {
    StatusOverride(status: random.pick(Self.statuses), text: optional(text(140)), until: optional(wall()))
  }

  private func optional<Value>(_ value: Value) -> Value? { random.happens(percent: 50) ? value : nil }

  private func session() -> SessionID { SessionID(high: random.next(), low: random.next()) }

  private func user() -> UserID { UserID(unchecked: name()) }

  private func channel() -> ChannelName { ChannelName(utf8: Array("room:".utf8) + name().prefix(100)) ?? .lobby }

  private func name() -> [UInt8] {
    (0..<1 + random.below(random.happens(percent: 5) ? 128 : 12)).map { _ in UInt8(97 + random.below(26)) }
  }

  private func text(_ longest: Int) -> [UInt8] {
    (0..<random.below(random.happens(percent: 5) ? longest : 10)).map { _ in UInt8(32 + random.below(90)) }
  }

  private func payload() -> Payload {
    random.happens(percent: 40) ? .empty : Payload(validated: [0x7b] + text(1_000) + [0x7d])
  }

  func wall() -> WallTime { WallTime(milliseconds: Int64(bitPattern: random.next()) >> Int64(10 + random.below(50))) }

  private func duration() -> Duration { .milliseconds(Int64(random.next() >> 30)) }
}

extension ChannelName {
  fileprivate static var lobby: ChannelName {
    guard let name = ChannelName("lobby") else { preconditionFailure("lobby is a name") }
    return name
  }
}
