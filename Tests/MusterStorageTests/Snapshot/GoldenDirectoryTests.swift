import Foundation
import MusterEngine
import MusterModel
import MusterStorage
import MusterTestKit
import Testing

/// A whole data directory that an early version left behind when it was killed: manifest, snapshot, and the log behind it.
///
/// It is never made anew. When a new version of a format comes, it gets a directory of its own beside this one:
/// `MUSTER_MAKE_GOLDEN_DIRECTORY=<directory>` lets this suite write it there, once. `expected.json` has the counters that
/// `muster drill upgrade` holds against a real server, and its sessions live for twelve years, so that no clock has to be set back for
/// it. Here time is what the test says.
@Suite("The golden data directory")
struct GoldenDirectoryTests {
  /// When it was written.
  private static let written = WallTime(milliseconds: 1_760_000_000_000)
  private static let room = ChannelName.named("room:1")
  private static let years: Duration = .seconds(12 * 365 * 86_400)

  private static func json(_ text: String) -> Payload { Payload(validated: Array(text.utf8)) }

  @Test(
    "version 1 is recovered whole, on the day it was written and ten years later, with any number of planes",
    arguments: [0, 1, 10], [1, 2, 3])
  func versionOne(years: Int, planes: Int) async throws {
    if years == 0, planes == 1, let path = ProcessInfo.processInfo.environment["MUSTER_MAKE_GOLDEN_DIRECTORY"] {
      try await Self.make(path)
    }
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let golden = root.appending(path: "snapshots/golden/directory-v1")
    let disk = SimulatedDisk(seed: 1)
    let names = try FileManager.default.contentsOfDirectory(atPath: golden.path).filter { $0 != "expected.json" }
    for name in names { disk.plant(name, Array(try Data(contentsOf: golden.appending(path: name)))) }
    let clock = ManualClock()
    clock.advance(ticks: 1 << 24)
    clock.jumpWall(milliseconds: Self.written.milliseconds - clock.wall.milliseconds + Int64(years) * 365 * 86_400_000)
    let life = try await Self.life(on: disk, clock: clock, planes: planes)
    defer { life.stop() }
    let report = life.report
    #expect(report.manifest != nil && report.snapshotSessions == 4)
    #expect(report.log.recordsReplayed == 9 && report.log.cuts.isEmpty && report.log.faults.isEmpty)
    life.engine.start()
    try await check(life.engine)
    let stats = await life.engine.stats()
    let text = try Data(contentsOf: golden.appending(path: "expected.json"))
    let expected = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Int])
    #expect(expected == ["sessions": stats.sessions, "channels": stats.channels, "memberships": stats.memberships])
  }

  /// What was acknowledged before the server was killed.
  private func check(_ engine: PresenceEngine) async throws {
    func sessions(_ user: String) async -> [SessionDetail] {
      await engine.user(.named(user), includeInvisible: true)?.sessions ?? []
    }
    let alice = try #require(await sessions("alice").first)
    #expect(
      alice.data == SessionData(public: Self.json(#"{"cart":[1,2],"n":7}"#), private: Self.json(#"{"p":true}"#), version: 3))
    #expect(alice.status == .away && alice.text == Array("à table".utf8))
    let bob = await sessions("bob")
    #expect(Set(bob.map(\.device)) == [.ios, .desktop])
    #expect(await sessions("carol").isEmpty, "it ended behind the snapshot")
    #expect(await sessions("dave").first?.device == .bot, "it began behind the snapshot")
    #expect(await engine.user(.named("mallory"), includeInvisible: true)?.ban == Ban(until: nil, reason: Array("spam".utf8)))
    let override = await engine.user(.named("bob"), includeInvisible: true)?.override
    #expect(override == StatusOverride(status: .dnd, text: Array("busy".utf8), until: nil))
    let members = try #require(await engine.members(of: Self.room, cursor: nil, limit: 10)).members
    #expect(
      Dictionary(uniqueKeysWithValues: members.map { ($0.user.text, $0.meta) }) == [
        "alice": Self.json(#"{"seat":2}"#), "dave": Self.json(#"{"seat":4}"#),
      ])
  }

  // MARK: Making one

  /// Sessions that live longer than a server would let them are granted by the log; what happens to them is up to an engine.
  private static func make(_ path: String) async throws {
    let clock = ManualClock()
    clock.jumpWall(milliseconds: written.milliseconds - clock.wall.milliseconds)
    let disk = SimulatedDisk(seed: 12)
    let alice = session("alice", 1)
    let bob = session("bob", 2)
    let carol = session("carol", 4)
    try await append(
      [
        grant(alice, "alice", .web), grant(bob, "bob", .ios), grant(session("bob", 3), "bob", .desktop),
        grant(carol, "carol", .android),
      ], to: disk)
    let life = try await life(on: disk, clock: clock, planes: 2)
    life.begin()
    func ask(_ session: SessionID, _ request: Request) async throws {
      if case .refused(let refusal) = await life.engine.request(session, request) { throw refusal }
    }
    for session in [alice, bob, carol] { try await ask(session, .join(room, meta: json(#"{"seat":1}"#), list: 0)) }
    _ = try await life.engine.patchData(of: alice, public: json(#"{"cart":[1,2]}"#), private: nil, ifVersion: nil)
    _ = try await life.engine.patchData(of: alice, public: nil, private: json(#"{"p":true}"#), ifVersion: nil)
    _ = try await life.storage.checkpoint()
    // Behind the snapshot, in the log alone.
    try await ask(alice, .update(room, patch: json(#"{"seat":2}"#)))
    try await ask(alice, .status(StatusChange(status: .away, text: Array("à table".utf8))))
    _ = try await life.engine.patchData(of: alice, public: json(#"{"n":7}"#), private: nil, ifVersion: nil)
    try await ask(bob, .leave(room))
    _ = try await life.engine.kick(session: carol, message: "")
    _ = try await life.engine.overrideStatus(
      of: .named("bob"), StatusChange(status: .dnd, text: Array("busy".utf8), scope: .user))
    _ = try await life.engine.ban(.named("mallory"), for: nil, reason: "spam")
    // Killed here.
    disk.die(after: 0)
    _ = await life.storage.close()
    life.stop()
    disk.crash(.process)
    let dave = session("dave", 5)
    try await append([grant(dave, "dave", .bot), .joined(dave, room, meta: json(#"{"seat":4}"#))], to: disk)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    for name in try disk.list() where name != DataDirectory.lockName {
      try Data(disk.bytes(of: name) ?? []).write(to: URL(filePath: path).appending(path: name))
    }
  }

  private static func session(_ user: String, _ number: UInt64) -> SessionID {
    SessionID(placement: UserID.named(user).placement, random: number &* 0x9e37_79b9_7f4a_7c15, number)
  }

  private static func grant(_ session: SessionID, _ user: String, _ device: Device) -> Mutation {
    .granted(
      SessionGrant(
        session: session, user: .named(user), kind: .member, device: device, status: .online, text: [], created: written,
        expires: WallTime(milliseconds: written.milliseconds + 200 * 365 * 86_400_000), idleTTL: years, resumeWindow: .seconds(15)
      ))
  }

  /// Adds records behind what a directory holds, and says that they are durable.
  private static func append(_ mutations: [Mutation], to disk: SimulatedDisk) async throws {
    let manifest = try Manifest.read(from: disk)
    let checkpoint =
      manifest.map { LogCheckpoint(coveredThrough: $0.coveredThrough, durableThrough: $0.durableThrough) } ?? .none
    let directory = try DataDirectory(disk)
    let report = try directory.recoverLog(behind: checkpoint) { _ in }
    let writer = try directory.makeWriter(at: report.start, settings: small.log, random: SeededRandom(seed: 5))
    writer.start {}
    for mutation in mutations { _ = writer.append(mutation, at: written) }
    guard writer.close() else { throw CheckpointError.abandoned }
  }

  private static var small: StorageOptions {
    var options = StorageOptions()
    options.log.segmentBytes = 1 << 13
    options.log.queuedBytesMax = 1 << 11
    options.log.reserveBytes = 1 << 12
    return options
  }

  private static func life(on disk: any Disk, clock: ManualClock, planes: Int) async throws -> StorageLife {
    try await StorageLife(on: disk, clock: clock, planes: planes, seed: 12, storage: { $0 = small })
  }
}
