import MusterEngine
import MusterModel
import MusterTestKit
import MusterThreads
import Synchronization
import Testing

@testable import MusterStorage

/// The writer with its thread, and each fault that a disk can have.
@Suite("The writer of the log")
struct LogWriterTests {
  private let disk = SimulatedDisk(seed: 3)
  private let news = News()

  private func makeWriter(_ change: (inout LogSettings) -> Void = { _ in }) throws -> LogWriter {
    var settings = LogSettings()
    settings.segmentBytes = 8_192
    settings.reserveBytes = 2_048
    settings.queuedBytesMax = 2_048
    change(&settings)
    let writer = try LogWriter(on: disk, at: .beginning, settings: settings, random: SeededRandom(seed: 1))
    writer.start { [news] in news.arrive() }
    return writer
  }

  @discardableResult
  private func append(_ count: Int, to writer: LogWriter) -> LSN {
    var last = LSN.zero
    for index in 0..<count {
      last = writer.append(.awake(SessionID(high: 1, low: UInt64(index))), at: WallTime(milliseconds: 0))
    }
    writer.flush()
    return last
  }

  private func wait(_ writer: LogWriter, until condition: (LogWriter) -> Bool) {
    while true {
      let seen = news.count
      if condition(writer) { return }
      _ = writer.durableThrough
      if condition(writer) { return }
      news.wait(beyond: seen)
    }
  }

  private func recovered() throws -> Int {
    var count = 0
    var recovery = LogRecovery(on: disk)
    _ = try recovery.run { if case .records(let records) = $0 { count += records.count } }
    return count
  }

  @Test("nothing is durable before its sync has returned, and then whoever waits is told")
  func waitsForSync() throws {
    let writer = try makeWriter()
    disk.holdSyncs()
    let first = append(1, to: writer)
    disk.awaitHeldSync()
    #expect(writer.durableThrough < first)
    let last = append(5, to: writer)
    disk.releaseSyncs()
    wait(writer) { $0.durableThrough >= last }
    #expect(writer.durableThrough == last)
    #expect(writer.close())
    #expect(try recovered() == 6)
  }

  @Test("what is appended during a sync becomes one group with one sync")
  func groupsGrow() throws {
    let writer = try makeWriter { $0.durability = .commit }
    disk.holdSyncs()
    append(1, to: writer)
    disk.awaitHeldSync()
    let syncs = disk.calls(of: .sync)
    let last = append(20, to: writer)
    disk.releaseSyncs()
    wait(writer) { $0.durableThrough >= last }
    #expect(disk.calls(of: .sync) == syncs + 2, "the one that was held, and one for twenty records")
    writer.close()
  }

  @Test("who appends more than a turn does need not flush: it is written before the queue is full")
  func withoutFlush() throws {
    let writer = try makeWriter()
    var last = LSN.zero
    for index in 0..<2_000 {
      wait(writer) { $0.isAccepting }
      last = writer.append(.awake(SessionID(high: 1, low: UInt64(index))), at: WallTime(milliseconds: 0))
    }
    #expect(last == LSN(2_000))
    #expect(writer.close())
    #expect(writer.durableThrough == last)
  }

  @Test("records from many threads have dense positions and are all there")
  func manyThreads() async throws {
    let writer = try makeWriter {
      $0.segmentBytes = 1 << 20
      $0.reserveBytes = 1 << 18
      $0.queuedBytesMax = 1 << 18
    }
    let positions = await withTaskGroup(of: [UInt64].self) { group in
      for task in 0..<4 {
        group.addTask {
          (0..<500).map { index in
            writer.append(.awake(SessionID(high: UInt64(task), low: UInt64(index))), at: WallTime(milliseconds: 0)).rawValue
          }
        }
      }
      var all: [UInt64] = []
      for await positions in group { all += positions }
      return all
    }
    #expect(positions.sorted() == Array(1...2_000))
    #expect(writer.close())
    #expect(writer.durableThrough == LSN(2_000))
    #expect(try recovered() == 2_000)
  }

  @Test("a sync that failed is never tried again: nothing becomes durable, the status is final")
  func syncFails() throws {
    let writer = try makeWriter()
    wait(writer) { $0.status == .accepting }
    disk.fail(.sync, .io)
    append(1, to: writer)
    wait(writer) { $0.status == .failed }
    let syncs = disk.calls(of: .sync)
    #expect(append(3, to: writer) == LSN(4), "positions are given out all the same")
    #expect(!writer.close())
    #expect(writer.durableThrough == .zero)
    #expect(disk.calls(of: .sync) == syncs)
    #expect(writer.failure?.kind == .io)
  }

  @Test("a write that failed for another reason than room is final too")
  func writeFails() throws {
    let writer = try makeWriter()
    disk.fail(.write, .io)
    append(1, to: writer)
    wait(writer) { $0.status == .failed }
    #expect(!writer.close())
    #expect(writer.durableThrough == .zero)
  }

  @Test("a full disk shows itself while what was appended still fits, and the log recovers when there is room")
  func fullDisk() throws {
    let writer = try makeWriter()
    disk.limit(room: disk.used)
    var last = LSN.zero
    while writer.status == .accepting {
      last = append(5, to: writer)
      wait(writer) { $0.durableThrough >= last || $0.status != .accepting }
    }
    #expect(writer.status == .full)
    wait(writer) { $0.durableThrough >= last }
    last = append(3, to: writer)
    wait(writer) { $0.durableThrough >= last }
    #expect(writer.status == .full, "the reserve is for what is under way")
    disk.limit(room: nil)
    wait(writer) { $0.status == .accepting }
    last = append(200, to: writer)
    #expect(writer.close())
    #expect(writer.durableThrough == last)
    #expect(UInt64(try recovered()) == last.rawValue)
  }

  @Test("what was appended beyond the reserve of a full disk waits, unacknowledged, and is written once there is room")
  func beyondTheReserve() throws {
    let writer = try makeWriter()
    disk.limit(room: disk.used)
    let last = append(400, to: writer)
    wait(writer) { $0.status == .full }
    #expect(writer.durableThrough < last)
    disk.limit(room: nil)
    wait(writer) { $0.durableThrough >= last }
    wait(writer) { $0.status == .accepting }
    #expect(writer.close())
    #expect(UInt64(try recovered()) == last.rawValue)
  }

  @Test("a queue over its bound says that it is full, and that it is not when the disk has caught up")
  func boundedQueue() throws {
    let writer = try makeWriter()
    disk.holdSyncs()
    append(1, to: writer)
    disk.awaitHeldSync()
    append(100, to: writer)
    #expect(writer.status == .full)
    disk.releaseSyncs()
    wait(writer) { $0.status == .accepting }
    #expect(writer.close())
    #expect(try recovered() == 101)
  }

  @Test(
    "a checkpoint ends the segment, and old segments go when it says so", arguments: [LogDurability.commit, LogDurability.none])
  func rotates(durability: LogDurability) throws {
    let writer = try makeWriter { $0.durability = durability }
    let last = append(10, to: writer)
    let cut = ContendedLock<LogCut?>(nil)
    let arrived = News()
    writer.rotate { result in
      cut.withLock { $0 = result }
      arrived.arrive()
    }
    arrived.wait(beyond: 0)
    #expect(cut.withLock { $0 } == .made(through: last))
    append(1, to: writer)
    writer.removeSegments(through: last)
    #expect(writer.close())
    #expect(try disk.list() == [LogFileName.name(sequence: 2, firstLSN: LSN(11))])
    var recovery = LogRecovery(on: disk, behind: LogCheckpoint(coveredThrough: last, durableThrough: last))
    #expect(try recovery.run { _ in }.recordsReplayed == 1)
  }

  @Test("without waiting for the disk replies are free at once, and everything is durable when the log was closed")
  func lazy() throws {
    let writer = try makeWriter { $0.durability = .none }
    let last = append(10, to: writer)
    #expect(writer.durableThrough == last)
    #expect(writer.close())
    disk.crash(.power)
    #expect(try recovered() == 10)
  }

  @Test("with an interval the sync comes by itself")
  func interval() throws {
    let writer = try makeWriter { $0.durability = .interval(.milliseconds(1)) }
    let syncs = disk.calls(of: .sync)
    disk.holdSyncs()
    append(1, to: writer)
    disk.awaitHeldSync()
    disk.releaseSyncs()
    #expect(writer.close())
    #expect(disk.calls(of: .sync) > syncs)
  }
}

/// Counts what comes from another thread, and waits for more.
final class News: Sendable {
  private let lock = ContendedLock(0)
  private let gate: WriterAlarm

  init() {
    guard let gate = try? WriterAlarm(interval: nil) else { preconditionFailure("no pipe could be made") }
    self.gate = gate
  }

  var count: Int { lock.withLock { $0 } }

  func arrive() {
    lock.withLock { $0 += 1 }
    gate.signal()
  }

  func wait(beyond seen: Int) {
    while count <= seen { _ = gate.wait(milliseconds: -1) }
  }
}
