import MusterEngine
import MusterModel
import Testing

@Suite("What the control plane reads of channels")
struct ChannelReadTests {
  private let stage = ChannelStage(pageMembersMax: 2)

  private func names(prefix: String = "", after: String? = nil, limit: Int = 100, rows: Int = 1) -> [String] {
    var scan = ChannelScan(prefix: Array(prefix.utf8), after: after.map { .staged($0) }, limit: limit)
    while stage.look(for: &scan, rows: rows) == .moreDue {}
    return scan.names.map(\.text)
  }

  @Test("channels are listed in the order of their bytes, by prefix, behind a name, up to a limit")
  func scan() {
    #expect(names() == [])
    for room in ["b:1", "a:2", "é", "a:10", "a:1", "B", "a"] { stage.put(.staged("ann"), in: .staged(room)) }
    stage.put(.staged("ann"), in: .staged("gone"))
    stage.drop("ann", in: .staged("gone"))
    stage.endTurn()
    for rows in [1, 3, 100] {
      #expect(names(rows: rows) == ["B", "a", "a:1", "a:10", "a:2", "b:1", "é"])
      #expect(names(prefix: "a:", rows: rows) == ["a:1", "a:10", "a:2"])
      #expect(names(prefix: "a:", after: "a:1", rows: rows) == ["a:10", "a:2"])
      #expect(names(after: "a:1", limit: 2, rows: rows) == ["a:10", "a:2"])
      #expect(names(limit: 0, rows: rows) == ["B"])
      #expect(names(prefix: "z", rows: rows) == [])
      #expect(names(after: "é", rows: rows) == [])
    }
  }

  @Test("a channel is described with its mode, number, occupancy and observers")
  func detail() {
    #expect(stage.detail() == nil)
    stage.put(.staged("ann"), sessions: 2)
    stage.pass(ticks: 1)
    stage.ask(.observe(list: 0))
    #expect(
      stage.detail()
        == ChannelDetail(
          channel: .stagedRoom, mode: .announce, epoch: ChannelStage.epoch, seq: Seq(1),
          occupancy: Occupancy(users: 1, guests: 0, sessions: 2), observers: 1))
  }

  @Test("a page read by the control plane is limited like any other, and does not count as shown to observers")
  func page() throws {
    #expect(stage.page(limit: 9) == nil)
    for user in ["ann", "bob", "cid"] { stage.put(.staged(user)) }
    let first = try #require(stage.page(limit: 9))
    #expect(first.members.asLabels == ["ann", "bob"])
    let second = try #require(stage.page(cursor: first.next, limit: 9))
    #expect(second.members.asLabels == ["cid"])
    #expect(second.next == nil)
    stage.drop("cid")
    stage.endTurn()
    stage.ask(.sync(epoch: ChannelStage.epoch, seq: Seq(0)))
    #expect(stage.takenAnswers().first?.diffs?.map(\.asLine) == ["0>1 +ann +bob 2+0/2"])
  }

  @Test("the counters are of the whole shard")
  func counters() {
    for room in ["a", "b"] {
      stage.ask(.observe(list: 0), in: .staged(room))
      stage.put(.staged("ann"), in: .staged(room))
    }
    stage.put(.staged("bob"), in: .staged("a"))
    stage.endTurn()
    var expected = ChannelCounters()
    expected.channels = 2
    expected.members = 3
    expected.observers = 2
    expected.events = 2
    #expect(stage.counters == expected)
  }
}
