import Foundation
import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@testable import MusterStorage

/// A log that an early version wrote is read by every later one.
///
/// The files are never made anew. When a new version of the format comes, it gets a directory of its own beside this one:
/// `MUSTER_WRITE_GOLDEN=<directory>` lets this suite write it there, once.
@Suite("The golden log")
struct GoldenLogTests {
  private static var root: URL {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
  }

  private static let session = SessionID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)

  /// One of each kind, and each kind of optional.
  private static func mutations() throws -> [Mutation] {
    let user = try #require(UserID("zoë"))
    let room = try #require(ChannelName("room:1"))
    let text = Array("à la carte".utf8)
    let until = WallTime(milliseconds: 1_900_000_000_000)
    let json = Payload(validated: Array("{\"a\":[1,2]}".utf8))
    return [
      .granted(
        SessionGrant(
          session: session, user: user, kind: .guest, device: .android, status: .away, text: text,
          created: WallTime(milliseconds: 1_800_000_000_001), expires: until, idleTTL: .seconds(90),
          resumeWindow: .milliseconds(15_500)
        )),
      .dormant(session, .timeout), .awake(session), .joined(session, room, meta: json), .metaSet(session, room, meta: .empty),
      .left(session, room), .statusSet(session, .invisible, text: text), .overridden(user, nil),
      .overridden(user, StatusOverride(status: .dnd, text: nil, until: nil)),
      .overridden(user, StatusOverride(status: .online, text: text, until: until)),
      .dataSet(session, SessionData(public: json, private: .empty, version: 7)), .banned(user, Ban(until: nil, reason: text)),
      .banned(user, Ban(until: until, reason: [])), .banned(user, nil), .ended(session, .shutdown),
    ]
  }

  private static func wall(_ index: Int) -> WallTime { WallTime(milliseconds: 1_800_000_000_000 + Int64(index)) }

  @Test("version 1 is read as it was written")
  func versionOne() throws {
    let directory = Self.root.appending(path: "snapshots/golden/log-v1")
    if let path = ProcessInfo.processInfo.environment["MUSTER_WRITE_GOLDEN"] { try Self.write(to: path) }
    let disk = SimulatedDisk(seed: 1)
    for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) where name.hasSuffix(".wal") {
      disk.plant(name, Array(try Data(contentsOf: directory.appending(path: name))))
    }
    var records: [LoggedMutation] = []
    var recovery = LogRecovery(on: disk)
    let report = try recovery.run { if case .records(let batch) = $0 { records += batch } }
    #expect(report.segmentsFound == 2)
    #expect(report.cuts.isEmpty)
    #expect(records.map(\.mutation) == (try Self.mutations()))
    #expect(records.map(\.wall) == records.indices.map(Self.wall))
  }

  /// Two segments, several groups, marks.
  private static func write(to path: String) throws {
    var settings = LogSettings()
    settings.segmentBytes = 4_096
    var state = try LogWriterState(on: FileDisk(path: path), at: .beginning, settings: settings, random: SeededRandom(seed: 1))
    var queue = LogQueue(nextLSN: LSN(1))
    for (index, mutation) in try mutations().enumerated() {
      _ = queue.append(mutation, at: wall(index))
      guard index % 4 == 3 || index == 14 else { continue }
      var groups: [QueuedGroup] = []
      queue.take(into: &groups)
      queue.recycle(state.write(&groups))
      state.sync()
      if index == 7 { _ = state.rotate() }
      if index == 11 { state.mark() }
    }
    state.close()
  }
}
