import MusterEngine
import MusterModel
import Testing

@Suite("Catching up with a channel")
struct ChannelSyncTests {
  private static let epoch = ChannelStage.epoch

  /// A channel in which u1 to u`events` joined, one event each.
  private func stage(
    events: UInt64, pageMembersMax: Int = 1_000, _ configure: (inout NamespaceSettings) -> Void = { _ in }
  ) -> ChannelStage {
    let stage = ChannelStage(pageMembersMax: pageMembersMax, configure)
    for number in 0..<events {
      stage.put(.staged("u\(number + 1)"))
      stage.pass(ticks: 1)
    }
    _ = stage.taken()
    return stage
  }

  /// The answer to a sync: diffs or a snapshot, as lines.
  private func sync(_ stage: ChannelStage, _ seq: UInt64, epoch: Epoch = epoch) -> [String] {
    stage.ask(.sync(epoch: epoch, seq: Seq(seq)))
    return stage.takenAnswers().flatMap { answer in
      answer.diffs?.map(\.asLine) ?? answer.snapshot.map { [$0.asLine] } ?? ["neither"]
    }
  }

  @Test("at the current number nothing is missing")
  func current() {
    #expect(sync(stage(events: 3), 3) == [])
  }

  @Test("a number within the ring is brought up to date with diffs")
  func diffs() {
    let stage = stage(events: 3)
    #expect(sync(stage, 1) == ["1>2 +u2 2+0/2", "2>3 +u3 3+0/3"])
    #expect(sync(stage, 0).count == 3)
  }

  @Test("another epoch, or a number that has not been reached, is answered with a snapshot")
  func strangers() {
    let stage = stage(events: 2)
    #expect(sync(stage, 2, epoch: Epoch(rawValue: 8)) == ["#2 snapshot u1 u2 2+0/2"])
    #expect(sync(stage, 3) == ["#2 snapshot u1 u2 2+0/2"])
    #expect(sync(stage, .max) == ["#2 snapshot u1 u2 2+0/2"])
  }

  @Test("a number that the ring has lost is answered with a snapshot: 4 changes are kept")
  func ringIsFull() {
    let stage = stage(events: 6) { $0.ringChangesMax = 4 }
    #expect(sync(stage, 1) == ["#6 snapshot u1 u2 u3 u4 u5 u6 6+0/6"])
    #expect(sync(stage, 2).count == 4)
    #expect(stage.violations == [])
  }

  @Test("the ring counts member changes, not diffs; a diff that is larger than the ring empties it")
  func ringCountsChanges() {
    let stage = stage(events: 2) { $0.ringChangesMax = 4 }
    for number in 3...5 { stage.put(.staged("u\(number)")) }
    stage.pass(ticks: 1)
    #expect(sync(stage, 1).count == 2)
    #expect(sync(stage, 0).first?.hasPrefix("#3 snapshot") == true)
    for number in 6...10 { stage.put(.staged("u\(number)")) }
    stage.pass(ticks: 1)
    #expect(sync(stage, 3).first?.hasPrefix("#4 snapshot") == true)
    #expect(sync(stage, 4) == [])
    #expect(stage.violations == [])
  }

  @Test("diffs are forgotten when they are older than the ring remembers: told at 1.0 s, gone at 3.0 s")
  func ringAges() {
    let stage = ChannelStage { $0.ringAge = .seconds(2) }
    stage.pass(ticks: 10)
    stage.put(.staged("u1"))
    stage.endTurn()
    stage.pass(ticks: 5)
    stage.put(.staged("u2"))
    stage.endTurn()
    stage.pass(ticks: 14)
    #expect(sync(stage, 0).count == 2)
    stage.pass(ticks: 1)
    #expect(sync(stage, 0) == ["#2 snapshot u1 u2 2+0/2"])
    #expect(sync(stage, 1) == ["1>2 +u2 2+0/2"])
    stage.pass(ticks: 5)
    #expect(sync(stage, 1) == ["#2 snapshot u1 u2 2+0/2"])
    #expect(stage.violations == [])
  }

  @Test("a ring of no changes or no age keeps nothing")
  func noRing() {
    #expect(sync(stage(events: 2) { $0.ringChangesMax = 0 }, 1) == ["#2 snapshot u1 u2 2+0/2"])
    #expect(sync(stage(events: 2) { $0.ringAge = .zero }, 1) == ["#2 snapshot u1 u2 2+0/2"])
  }

  @Test("in count mode a snapshot has no members, and what was told before is not remembered")
  func countMode() {
    let stage = stage(events: 4) {
      $0.announceMax = 3
      $0.intervalMax = 3
    }
    stage.pass(ticks: 10)
    #expect(sync(stage, 3) == ["#4 snapshot 4+0/4"])
    #expect(sync(stage, 4) == [])
    stage.ask(.sync(epoch: Self.epoch, seq: Seq(1)))
    #expect(stage.takenAnswers().first?.snapshot?.mode == .count)
  }

  @Test("a snapshot in answer to a sync is one page, with the way to the next")
  func snapshotPage() {
    let stage = stage(events: 3, pageMembersMax: 2)
    #expect(sync(stage, 9) == ["#3 snapshot u1 u2 … 3+0/3"])
  }

  @Test("a channel that dies and comes back begins above every number that was used")
  func comesBack() throws {
    let stage = stage(events: 3)
    for number in 1...3 { stage.drop("u\(number)") }
    stage.pass(ticks: 1)
    #expect(stage.detail() == nil)
    #expect(stage.counters == ChannelCounters(events: 4))
    for seq in UInt64(0)...6 { #expect(sync(stage, seq) == ["#5 snapshot 0+0/0"]) }
    stage.put(.staged("ann"))
    stage.pass(ticks: 1)
    #expect(try #require(stage.detail()).seq == Seq(6))
    #expect(sync(stage, 4) == ["#6 snapshot ann 1+0/1"])
    #expect(sync(stage, 5) == ["5>6 +ann 1+0/1"])
    stage.put(.staged("ann"), in: .staged("room:2"))
    #expect(stage.detail(of: .staged("room:2"))?.seq == Seq(5))
  }

  @Test("resuming: first the connection observes, then what it missed, then what comes")
  func resume() {
    let stage = stage(events: 3)
    let point = ResumePoint(channel: .stagedRoom, epoch: Self.epoch, seq: Seq(1))
    stage.put(.staged("ann"))
    stage.ask(.resume(point), after: LSN(9))
    stage.pass(ticks: 1)
    let told = stage.taken().map(\.message)
    #expect(told.count == 4)
    guard case .reply(.stagedFirst, .none, .empty, .observes(.stagedRoom), after: LSN(9)) = told[0] else {
      Issue.record("\(told[0])")
      return
    }
    guard
      case .push(.stagedFirst, .diff(let second)) = told[1], case .push(.stagedFirst, .diff(let third)) = told[2],
      case .event(.stagedRoom, .diff(let fourth)) = told[3]
    else {
      Issue.record("\(told)")
      return
    }
    #expect([second, third, fourth].map(\.asLine) == ["1>2 +u2 2+0/2", "2>3 +u3 3+0/3", "3>4 +ann 4+0/4"])
  }

  @Test(
    "resuming from nowhere, from another epoch or from another channel pushes a snapshot",
    arguments: [
      nil, ResumePoint(channel: .stagedRoom, epoch: Epoch(rawValue: 1), seq: Seq(1)),
      ResumePoint(channel: .staged("room:2"), epoch: epoch, seq: Seq(1)),
    ])
  func resumeFromNowhere(_ point: ResumePoint?) {
    let stage = stage(events: 1)
    stage.ask(.resume(point))
    let answers = stage.takenAnswers()
    #expect(answers.map(\.reply) == [.empty, nil])
    #expect(answers.last?.snapshot?.asLine == "#1 snapshot u1 1+0/1")
    #expect(stage.counters.observers == 1)
  }
}

extension ChannelCounters {
  fileprivate init(events: UInt64) {
    self.init()
    self.events = events
  }
}
