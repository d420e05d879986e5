import MusterEngine
import MusterModel
import Testing

@Suite("Cadence and modes of a channel")
struct ChannelCadenceTests {
  /// A channel that is observed, with so many members who have been told.
  private func stage(
    members: Int = 0, pageMembersMax: Int = 1_000, _ configure: (inout NamespaceSettings) -> Void = { _ in }
  ) -> ChannelStage {
    let stage = ChannelStage(pageMembersMax: pageMembersMax, configure)
    stage.ask(.observe(list: 0))
    for number in 0..<members { stage.put(.staged("u\(number)")) }
    stage.pass(ticks: 100)
    _ = stage.taken()
    return stage
  }

  private func mode(_ stage: ChannelStage) -> ChannelMode? { stage.detail()?.mode }

  @Test("announce: the first change is told at the end of its turn, further ones of the same tick at the next")
  func leadingEdge() {
    let stage = stage()
    stage.put(.staged("ann"))
    #expect(stage.taken().isEmpty)
    stage.endTurn()
    #expect(stage.takenLines() == ["0>1 +ann 1+0/1"])
    stage.put(.staged("bob"))
    stage.endTurn()
    stage.put(.staged("cid"))
    stage.endTurn()
    #expect(stage.takenLines() == [])
    stage.pass(ticks: 1)
    #expect(stage.takenLines() == ["1>2 +bob +cid 3+0/3"])
    stage.pass(ticks: 1)
    stage.drop("ann")
    stage.endTurn()
    #expect(stage.takenLines() == ["2>3 -ann(left) 2+0/2"])
  }

  @Test("interval: the net change is told once per interval, which begins with the first change")
  func interval() {
    let stage = stage {
      $0.announceMax = 0
      $0.interval = .seconds(2)
    }
    stage.put(.staged("ann"))
    stage.pass(ticks: 10)
    stage.put(.staged("bob"))
    stage.pass(ticks: 9)
    #expect(stage.takenLines() == [])
    stage.pass(ticks: 1)
    #expect(stage.takenLines() == ["0>1 +ann +bob 2+0/2"])
    stage.pass(ticks: 40)
    #expect(stage.takenLines() == [])
  }

  @Test("a threshold is crossed upwards above it, and downwards below 80 % of it")
  func hysteresis() {
    let stage = stage(members: 10) {
      $0.announceMax = 10
      $0.intervalMax = 20
    }
    #expect(mode(stage) == .announce)
    stage.put(.staged("u10"))
    #expect(mode(stage) == .interval)
    for number in 3...10 { stage.drop("u\(number)") }
    #expect(mode(stage) == .announce)
    for number in 3...10 { stage.put(.staged("u\(number)")) }
    for number in 8...10 { stage.drop("u\(number)") }
    #expect(stage.occupancy().present == 8)
    #expect(mode(stage) == .interval)
    stage.drop("u7")
    #expect(mode(stage) == .announce)
    for number in 7...20 { stage.put(.staged("u\(number)")) }
    #expect(mode(stage) == .count)
    for number in 16...20 { stage.drop("u\(number)") }
    #expect(mode(stage) == .count)
    stage.drop("u15")
    #expect(mode(stage) == .interval)
    #expect(stage.violations == [])
  }

  @Test("a channel that becomes too large tells a count instead of the diff, and then one per interval with a change")
  func intoCount() {
    let stage = stage(members: 2) {
      $0.announceMax = 2
      $0.intervalMax = 2
    }
    stage.put(.staged("u2"))
    stage.endTurn()
    #expect(stage.takenLines() == [])
    stage.pass(ticks: 10)
    #expect(stage.takenLines() == ["#2 count 3+0/3"])
    stage.put(.staged("u3"))
    stage.put(.staged("u4"), sessions: 2)
    stage.pass(ticks: 30)
    #expect(stage.takenLines() == ["#3 count 5+0/6"])
    stage.put(.staged("u4", text: "only a view"), sessions: 2)
    stage.pass(ticks: 30)
    #expect(stage.takenLines() == [])
    stage.put(.staged("u4"), sessions: 3)
    stage.pass(ticks: 30)
    #expect(stage.takenLines() == ["#4 count 5+0/7"])
    #expect(stage.violations == [])
  }

  @Test("a channel that is too large for the second time says so, also with the occupancy of the first time")
  func intoCountAgain() {
    let stage = stage(members: 3) {
      $0.announceMax = 0
      $0.intervalMax = 2
    }
    stage.drop("u1")
    stage.drop("u2")
    stage.pass(ticks: 10)
    stage.put(.staged("u1"))
    stage.put(.staged("u2"))
    stage.pass(ticks: 10)
    #expect(stage.takenLines() == ["#2 snapshot u0 1+0/1", "#3 count 3+0/3"])
  }

  @Test("count: an occupancy that is the same again at the end of the interval is told only if another was shown")
  func countBack() {
    let stage = stage(members: 3) {
      $0.announceMax = 1
      $0.intervalMax = 1
    }
    stage.put(.staged("u3"))
    stage.drop("u3")
    stage.pass(ticks: 30)
    #expect(stage.takenLines() == [])
    stage.put(.staged("u3"))
    stage.ask(.observe(list: 0), by: .staged(plane: 1, 1))
    stage.drop("u3")
    stage.pass(ticks: 30)
    #expect(stage.takenLines() == ["#2 count 3+0/3"])
  }

  @Test("a channel that becomes small again tells a snapshot with the next number, then diffs")
  func outOfCount() throws {
    let stage = stage(members: 10, pageMembersMax: 3) {
      $0.announceMax = 0
      $0.intervalMax = 9
    }
    #expect(mode(stage) == .count)
    let seq = try #require(stage.detail()).seq.rawValue
    for number in 0..<3 { stage.drop("u\(number)") }
    stage.put(.staged("u4", text: "x"))
    stage.pass(ticks: 10)
    #expect(stage.takenLines() == ["#\(seq + 1) snapshot u3 u4=x u5 … 7+0/7"])
    stage.put(.staged("u4"))
    stage.pass(ticks: 10)
    #expect(stage.takenLines() == ["\(seq + 1)>\(seq + 2) ~u4 7+0/7"])
    #expect(stage.violations == [])
  }

  @Test("too large and small again within one window: a snapshot is told, since what was pending has been let go")
  func countWithinWindow() {
    let stage = stage(members: 2) {
      $0.announceMax = 0
      $0.intervalMax = 2
    }
    stage.put(.staged("u0", text: "x"))
    stage.put(.staged("u2"))
    #expect(mode(stage) == .count)
    stage.drop("u1")
    stage.drop("u2")
    #expect(mode(stage) == .interval)
    stage.pass(ticks: 10)
    #expect(stage.takenLines() == ["#2 snapshot u0=x 1+0/1"])
    #expect(stage.violations == [])
  }

  @Test("a window that has begun keeps its end when the mode changes")
  func windowKeepsItsEnd() {
    let stage = stage(members: 5) { $0.announceMax = 4 }
    stage.drop("u0")
    stage.drop("u1")
    stage.drop("u2")
    #expect(mode(stage) == .announce)
    stage.pass(ticks: 9)
    #expect(stage.takenLines() == [])
    stage.pass(ticks: 1)
    #expect(stage.takenLines().count == 1)
  }

  @Test("namespaces have settings of their own")
  func namespaces() {
    var large = NamespaceSettings()
    large.announceMax = 0
    large.intervalMax = 0
    let stage = ChannelStage(namespaces: ["large": large])
    stage.put(.staged("ann"), in: .staged("large:1"))
    stage.put(.staged("ann"), in: .staged("room:1"))
    stage.put(.staged("ann"), in: .staged("large"))
    #expect(stage.detail(of: .staged("large:1"))?.mode == .count)
    #expect(stage.detail(of: .staged("room:1"))?.mode == .announce)
    #expect(stage.detail(of: .staged("large"))?.mode == .announce)
  }

  @Test("a diff speaks of at most a page of members; the rest follows, numbered on")
  func splitDiff() {
    let stage = stage(pageMembersMax: 2)
    for user in ["ann", "bob", "cid", "dee", "eve"] { stage.put(.staged(user)) }
    stage.endTurn()
    #expect(stage.takenLines() == ["0>1 +ann +bob 5+0/5", "1>2 +cid +dee 5+0/5", "2>3 +eve 5+0/5"])
  }

  @Test("a change that is left for the next diff is told even when it is taken back: the occupancy has told of it")
  func splitDiffTakenBack() {
    let stage = stage(pageMembersMax: 2)
    for user in ["ann", "bob", "cid"] { stage.put(.staged(user)) }
    #expect(stage.endTurn(limit: 1) == .moreDue)
    #expect(stage.takenLines() == ["0>1 +ann +bob 3+0/3"])
    stage.drop("cid")
    stage.endTurn()
    #expect(stage.takenLines() == ["1>2 -cid(left) 2+0/2"])
  }

  @Test("a flush stops at its limit, and goes on in the order of the channels")
  func flushLimit() {
    let stage = ChannelStage(pageMembersMax: 2)
    for room in ["a", "b", "c"] {
      stage.ask(.observe(list: 0), in: .staged(room))
      for user in ["ann", "bob", "cid"] { stage.put(.staged(user), in: .staged(room)) }
    }
    _ = stage.taken()
    #expect(stage.endTurn(limit: 3) == .moreDue)
    #expect(stage.takenLines() == ["0>1 +ann +bob 3+0/3"])
    #expect(stage.violations == [])
    #expect(stage.endTurn(limit: 4) == .moreDue)
    #expect(stage.takenEvents().count == 2)
    #expect(stage.endTurn(limit: 6) == .done)
    #expect(stage.takenLines() == ["1>2 +cid 3+0/3", "1>2 +cid 3+0/3", "1>2 +cid 3+0/3"])
    #expect(stage.violations == [])
  }

  @Test("letting go of what is pending is spread over flushes like telling it")
  func discardLimit() {
    let stage = ChannelStage(pageMembersMax: 2) {
      $0.announceMax = 5
      $0.intervalMax = 5
    }
    stage.ask(.observe(list: 0))
    _ = stage.taken()
    for number in 0...5 { stage.put(.staged("u\(number)")) }
    stage.drop("u1")
    #expect(stage.endTurn(limit: 3) == .moreDue)
    #expect(stage.takenLines() == [])
    #expect(stage.violations == [])
    stage.put(.staged("u4", text: "x"))
    stage.put(.staged("u1"))
    #expect(stage.endTurn(limit: 100) == .done)
    #expect(stage.takenLines() == ["#1 count 6+0/6"])
    #expect(stage.violations == [])
  }

  @Test("an advance stops at its limit and goes on")
  func advanceLimit() {
    let stage = ChannelStage { $0.announceMax = 0 }
    for room in ["a", "b", "c"] { stage.put(.staged("ann"), in: .staged(room)) }
    let due = Tick(10)
    #expect(stage.advance(to: due, limit: 2) == .moreDue)
    #expect(stage.violations == [])
    #expect(stage.advance(to: due, limit: 2) == .done)
    #expect(stage.violations == [])
    #expect(stage.endTurn() == .done)
    #expect(stage.counters.events == 3)
  }
}
