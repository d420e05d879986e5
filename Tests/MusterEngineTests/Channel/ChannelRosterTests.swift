import MusterEngine
import MusterModel
import Testing

@Suite("Channel roster")
struct ChannelRosterTests {
  private let stage = ChannelStage()

  /// Begins to observe, and forgets the answer.
  private func observe() {
    stage.ask(.observe(list: 100))
    _ = stage.taken()
  }

  @Test("join, update and leave are told as such, each with the next number")
  func joinUpdateLeave() {
    observe()
    stage.put(.staged("ann"))
    stage.pass(ticks: 1)
    stage.put(.staged("ann", text: "lunch"))
    stage.pass(ticks: 1)
    stage.drop("ann", .timeout)
    stage.pass(ticks: 1)
    #expect(stage.takenLines() == ["0>1 +ann 1+0/1", "1>2 ~ann=lunch 1+0/1", "2>3 -ann(timeout) 0+0/0"])
    #expect(stage.violations == [])
  }

  @Test("putting the same view again tells nothing")
  func putTwice() {
    observe()
    stage.put(.staged("ann"))
    stage.pass(ticks: 1)
    stage.put(.staged("ann"))
    stage.pass(ticks: 5)
    #expect(stage.takenLines() == ["0>1 +ann 1+0/1"])
  }

  @Test("a second session changes the occupancy without an event, and is counted with the next one")
  func secondSession() {
    observe()
    stage.put(.staged("ann"))
    stage.pass(ticks: 1)
    stage.put(.staged("ann"), sessions: 2)
    stage.pass(ticks: 5)
    #expect(stage.takenLines() == ["0>1 +ann 1+0/1"])
    #expect(stage.occupancy().sessions == 2)
    stage.put(.staged("bob"))
    stage.pass(ticks: 1)
    #expect(stage.takenLines() == ["1>2 +bob 2+0/3"])
  }

  @Test("members and guests are counted apart, also when a user becomes the other")
  func kinds() {
    stage.put(.staged("ann"))
    stage.put(.staged("g1", kind: .guest), sessions: 2)
    #expect(stage.occupancy().asLine == "1+1/3")
    stage.put(.staged("g1"), sessions: 2)
    #expect(stage.occupancy().asLine == "2+0/3")
    stage.drop("g1")
    #expect(stage.occupancy().asLine == "1+0/1")
    #expect(stage.violations == [])
  }

  @Test("dropping whom the channel does not know is ignored, and makes no channel")
  func dropUnknown() {
    stage.drop("ann")
    #expect(stage.counters == ChannelCounters())
    observe()
    stage.drop("ann")
    stage.put(.staged("ann"))
    stage.drop("ann")
    stage.drop("ann")
    stage.pass(ticks: 2)
    #expect(stage.takenLines() == [])
    #expect(stage.violations == [])
  }

  @Test("the same user in two channels is two members")
  func twoChannels() {
    stage.put(.staged("ann"), in: .staged("room:1"))
    stage.put(.staged("ann"), in: .staged("room:2"))
    stage.drop("ann", in: .staged("room:1"))
    #expect(stage.occupancy(of: .staged("room:1")).present == 0)
    #expect(stage.occupancy(of: .staged("room:2")).present == 1)
    #expect(stage.violations == [])
  }

  @Test("a member that the table has no room for is not shown, is counted as an overflow, and may come later")
  func membersTableFull() {
    let stage = ChannelStage(membersMax: 1)
    stage.put(.staged("ann"))
    stage.put(.staged("bob"))
    stage.put(.staged("cid"), in: .staged("room:2"))
    stage.pass(ticks: 1)
    #expect(stage.counters.members == 1)
    #expect(stage.counters.channels == 1)
    #expect(stage.counters.overflows == 2)
    stage.drop("bob")
    stage.drop("ann")
    stage.pass(ticks: 1)
    stage.put(.staged("bob"))
    #expect(stage.occupancy().present == 1)
    #expect(stage.violations == [])
  }
}

/// What becomes of several changes within one window.
///
/// Every test begins with ann present and told.
@Suite("Net changes of a channel")
struct ChannelNetTests {
  private let stage = ChannelStage { $0.announceMax = 0 }

  init() {
    stage.ask(.observe(list: 100))
    stage.put(.staged("ann"))
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == ["0>1 +ann 1+0/1"])
  }

  @Test("a join and a leave within a window cancel")
  func joinLeave() {
    stage.put(.staged("bob"))
    stage.drop("bob")
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == [])
    #expect(stage.violations == [])
  }

  @Test("of several updates within a window the latest wins")
  func latestUpdate() {
    stage.put(.staged("ann", text: "a"))
    stage.put(.staged("ann", text: "b"))
    stage.put(.staged("ann", text: "c"))
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == ["1>2 ~ann=c 1+0/1"])
  }

  @Test("an update taken back within a window is not told")
  func updateBack() {
    stage.put(.staged("ann", text: "a"))
    stage.put(.staged("ann"))
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == [])
  }

  @Test("a leave and a return within a window: nothing when the view is the same, an update when it is not")
  func leaveReturn() {
    stage.drop("ann")
    stage.put(.staged("ann"))
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == [])
    stage.drop("ann")
    stage.put(.staged("ann", text: "back"))
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == ["1>2 ~ann=back 1+0/1"])
  }

  @Test("a join and an update within a window are one join with the latest view")
  func joinUpdate() {
    stage.put(.staged("bob"))
    stage.put(.staged("bob", text: "b"))
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == ["1>2 +bob=b 2+0/2"])
  }

  @Test("a join, a leave and a join again are one join")
  func joinLeaveJoin() {
    stage.put(.staged("bob"))
    stage.drop("bob")
    stage.put(.staged("bob"))
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == ["1>2 +bob 2+0/2"])
  }

  @Test("the reason of a leave is that of the last one")
  func lastReason() {
    stage.drop("ann", .timeout)
    stage.put(.staged("ann", text: "back"))
    stage.drop("ann", .kicked)
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == ["1>2 -ann(kicked) 0+0/0"])
  }

  @Test(
    "a join that somebody was shown is taken back by a leave",
    arguments: [
      ChannelAsk.observe(list: 100), .look(list: 100), .list(limit: 100, nil), .resync, .count, .resume(nil),
      .sync(epoch: Epoch(rawValue: 1), seq: Seq(0)),
    ])
  func shownJoin(_ ask: ChannelAsk) {
    stage.put(.staged("bob"))
    stage.ask(ask, by: .staged(plane: 1, 1))
    stage.drop("bob")
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == ["1>2 -bob(left) 1+0/1"])
  }

  @Test("an update that somebody was shown is told, also when it was taken back")
  func shownUpdate() {
    stage.put(.staged("ann", text: "a"))
    stage.ask(.list(limit: 100, nil))
    stage.put(.staged("ann"))
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == ["1>2 ~ann 1+0/1"])
  }

  @Test("a leave that somebody was shown is told as an update when the user is back")
  func shownLeave() {
    stage.drop("ann")
    stage.ask(.list(limit: 100, nil))
    stage.put(.staged("ann"))
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == ["1>2 ~ann 1+0/1"])
  }

  @Test("what began after somebody was shown the channel still cancels")
  func changedAfterShown() {
    stage.put(.staged("bob"))
    stage.ask(.list(limit: 100, nil))
    stage.put(.staged("cid"))
    stage.drop("cid")
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == ["1>2 +bob 2+0/2"])
  }

  @Test("in the window after, changes cancel again")
  func nextWindow() {
    stage.put(.staged("bob"))
    stage.ask(.list(limit: 100, nil))
    stage.pass(ticks: 20)
    _ = stage.taken()
    stage.put(.staged("cid"))
    stage.drop("cid")
    stage.pass(ticks: 20)
    #expect(stage.takenLines() == [])
  }
}
