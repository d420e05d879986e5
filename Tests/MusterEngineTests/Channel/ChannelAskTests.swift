import MusterEngine
import MusterModel
import Testing

@Suite("What a channel answers")
struct ChannelAskTests {
  private let stage = ChannelStage(pageMembersMax: 3)

  private func put(_ users: String...) {
    for user in users { stage.put(.staged(user)) }
  }

  @Test("observing: the answer shows what is, under the number of the last event, and every later event follows")
  func observe() {
    put("ann")
    stage.pass(ticks: 1)
    put("bob")
    stage.ask(.observe(list: 100), id: .string([0x61]), after: LSN(5))
    stage.pass(ticks: 1)
    let told = stage.taken().map(\.message)
    guard
      told.count == 2,
      case .reply(.stagedFirst, .string([0x61]), .channel(let snapshot), .observes(.stagedRoom), after: LSN(5)) = told[0],
      case .event(.stagedRoom, let event) = told[1]
    else {
      Issue.record("\(told)")
      return
    }
    #expect(snapshot.asLine == "#1 snapshot ann bob 2+0/2")
    #expect(snapshot.epoch == ChannelStage.epoch)
    #expect(event.asLine == "1>2 +bob 2+0/2")
  }

  @Test("looking: the same answer, without observing and without making a channel")
  func look() {
    stage.ask(.look(list: 2))
    #expect(stage.counters.channels == 0)
    put("ann", "bob")
    stage.ask(.look(list: 1))
    let answers = stage.takenAnswers()
    #expect(answers.map(\.effect) == [.none, .none])
    #expect(answers.map { $0.snapshot?.asLine } == ["#0 snapshot 0+0/0", "#0 snapshot ann … 2+0/2"])
    #expect(stage.counters.observers == 0)
  }

  @Test("a list in an answer has at most a page of members, and none when none is wanted")
  func listLimits() {
    put("ann", "bob", "cid", "dee")
    for list in [-1, 0, 1, 3, 4, .max] { stage.ask(.look(list: list)) }
    #expect(stage.takenAnswers().map { $0.snapshot?.members.count } == [0, 0, 1, 3, 3, 3])
    for limit in [-1, 0, 1, 3, 4, .max] { stage.ask(.list(limit: limit, nil)) }
    #expect(stage.takenAnswers().map { $0.page?.members.count } == [1, 1, 1, 3, 3, 3])
  }

  @Test("each event goes once to each plane that observes, whatever the number of observers")
  func planes() {
    stage.ask(.observe(list: 0), by: .staged(plane: 0, 1))
    stage.ask(.observe(list: 0), by: .staged(plane: 2, 1))
    stage.ask(.observe(list: 0), by: .staged(plane: 2, 2))
    _ = stage.taken()
    put("ann")
    stage.pass(ticks: 1)
    #expect(stage.taken().map(\.plane).sorted() == [0, 2])
    #expect(stage.counters.events == 1)
    #expect(stage.detail()?.observers == 3)
  }

  @Test("a plane gets events until its last grant is given back")
  func release() {
    stage.ask(.observe(list: 0), by: .staged(plane: 1, 1))
    stage.ask(.observe(list: 0), by: .staged(plane: 1, 2))
    stage.ask(.observe(list: 0), by: .staged(plane: 1, 3))
    _ = stage.taken()
    stage.release(plane: 1, grants: 2)
    put("ann")
    stage.pass(ticks: 1)
    #expect(stage.takenEvents(plane: 1).count == 1)
    stage.release(plane: 1)
    put("bob")
    stage.pass(ticks: 1)
    #expect(stage.taken().isEmpty)
    #expect(stage.counters.observers == 0)
    #expect(stage.violations == [])
  }

  @Test("a channel lives while it is observed, and ends with the last grant")
  func emptyChannel() {
    stage.ask(.observe(list: 0))
    #expect(stage.counters.channels == 1)
    stage.release(plane: 0)
    #expect(stage.counters == ChannelCounters())
    #expect(stage.violations == [])
  }

  @Test("a channel whose last change was taken back ends with the turn")
  func takenBackChannel() {
    put("ann")
    stage.drop("ann")
    stage.endTurn()
    #expect(stage.counters == ChannelCounters())
    let slow = ChannelStage { $0.announceMax = 0 }
    slow.put(.staged("ann"))
    slow.drop("ann")
    #expect(slow.counters == ChannelCounters())
    #expect(slow.violations == [])
  }

  @Test("pages follow each other by the cursor until there is no next one")
  func paging() throws {
    put("ann", "bob", "cid", "dee", "eve")
    stage.ask(.list(limit: 2, nil))
    let first = try #require(stage.takenAnswers().first?.page)
    #expect(first.members.asLabels == ["ann", "bob"])
    stage.drop("bob")
    stage.drop("cid")
    put("fay", "bob")
    stage.ask(.list(limit: 2, first.next))
    let second = try #require(stage.takenAnswers().first?.page)
    #expect(second.members.asLabels == ["dee", "eve"])
    stage.ask(.list(limit: 2, second.next))
    let third = try #require(stage.takenAnswers().first?.page)
    #expect(third.members.asLabels == ["fay", "bob"])
    #expect(third.next == nil)
  }

  @Test("who is present throughout a paging is listed exactly once", arguments: 0..<20)
  func pagingExactlyOnce(seed: Int) throws {
    var random = ChannelRandom(seed: UInt64(seed))
    let stayers = Set((0..<400).map { "s\($0)" })
    for user in stayers.shuffled(using: &random) {
      stage.put(.staged("x\(user)"))
      stage.put(.staged(user))
    }
    var seen: [String: Int] = [:]
    var cursor: Cursor?
    repeat {
      stage.ask(.list(limit: 3, cursor))
      let page = try #require(stage.takenAnswers().first?.page)
      for user in page.members.asLabels { seen[user, default: 0] += 1 }
      cursor = page.next
      for _ in 0..<8 {
        let user = "xs\(Int.random(in: 0..<400, using: &random))"
        if Bool.random(using: &random) { stage.drop(user) } else { stage.put(.staged(user)) }
      }
      if Int.random(in: 0..<9, using: &random) == 0 { stage.pass(ticks: 1) }
    } while cursor != nil
    for user in stayers { #expect(seen[user] == 1, "seed \(seed), \(user)") }
    #expect(stage.violations == [])
  }

  @Test("in count mode lists are answered on demand")
  func listInCountMode() {
    let stage = ChannelStage {
      $0.announceMax = 0
      $0.intervalMax = 0
    }
    stage.put(.staged("ann"))
    stage.ask(.look(list: 10))
    stage.ask(.list(limit: 10, nil))
    let answers = stage.takenAnswers()
    #expect(answers.first?.snapshot?.asLine == "#0 snapshot 1+0/1")
    #expect(answers.last?.page?.members.asLabels == ["ann"])
  }

  @Test("an update is answered with the current number: the change is in a diff with a greater one")
  func updated() {
    put("ann")
    stage.pass(ticks: 1)
    stage.put(.staged("ann", text: "x"))
    stage.ask(.updated)
    #expect(stage.takenAnswers().map(\.reply) == [.updated(seq: Seq(1))])
    stage.ask(.count)
    #expect(stage.takenAnswers().map(\.reply) == [.occupancy(Occupancy(users: 1, guests: 0, sessions: 1))])
  }

  @Test("a channel that nobody is in answers with emptiness, and is not made by asking")
  func unknownChannel() {
    for ask in [ChannelAsk.updated, .list(limit: 9, nil), .count, .sync(epoch: ChannelStage.epoch, seq: Seq(0)), .resync] {
      stage.ask(ask)
    }
    let answers = stage.takenAnswers()
    #expect(
      answers.prefix(3).map(\.reply) == [
        .updated(seq: Seq(0)), .members(MemberPage(members: [], seq: Seq(0), next: nil)), .occupancy(Occupancy()),
      ])
    #expect(answers.suffix(2).map { $0.snapshot?.asLine } == ["#0 snapshot 0+0/0", "#0 snapshot 0+0/0"])
    #expect(stage.counters == ChannelCounters())
  }

  @Test("an answer given along keeps its place in the order")
  func answersInOrder() {
    stage.ask(.observe(list: 0), id: .integer(1))
    stage.ask(.answer(.left(changed: true), .unobserves(.stagedRoom)), id: .integer(2), after: LSN(3))
    stage.ask(.count, id: .integer(3))
    let answers = stage.takenAnswers()
    #expect(answers.map(\.id) == [.integer(1), .integer(2), .integer(3)])
    #expect(answers[1].reply == .left(changed: true))
    #expect(answers[1].effect == .unobserves(.stagedRoom))
    #expect(answers[1].after == LSN(3))
  }

  @Test("a signal goes to each plane with observers; the answer counts the grants, and comes even without an id")
  func signal() {
    let signal = Signal(from: .server, to: .channel(.stagedRoom), data: [0x31])
    stage.ask(.signal(signal))
    #expect(stage.takenAnswers().map(\.reply) == [.delivered(0)])
    stage.ask(.observe(list: 0), by: .staged(plane: 0, 1))
    stage.ask(.observe(list: 0), by: .staged(plane: 1, 1))
    stage.ask(.observe(list: 0), by: .staged(plane: 1, 2))
    _ = stage.taken()
    stage.ask(.signal(signal))
    let told = stage.taken()
    #expect(told.map(\.plane) == [0, 1, 0])
    guard case .reply(.stagedFirst, .integer(1), .delivered(3), .none, after: .zero) = told[2].message else {
      Issue.record("\(told[2])")
      return
    }
    stage.ask(.signal(signal), id: .none)
    let unnamed = stage.taken()
    #expect(unnamed.map(\.plane) == [0, 1, 0])
    guard case .reply(_, .none, .delivered(3), _, _) = unnamed[2].message else {
      Issue.record("\(unnamed[2])")
      return
    }
    #expect(stage.detail()?.seq == Seq(0))
    #expect(stage.signal(signal) == 3)
    #expect(stage.taken().map(\.plane) == [0, 1])
    #expect(stage.counters.events == 3)
  }

  @Test("an observer that could not keep up is pushed a snapshot")
  func resync() {
    put("ann")
    stage.pass(ticks: 1)
    stage.ask(.resync, id: .none)
    let answers = stage.takenAnswers()
    #expect(answers.count == 1)
    guard case .snapshot(let snapshot) = answers.first?.push else {
      Issue.record("no push")
      return
    }
    #expect(snapshot.asLine == "#1 snapshot ann 1+0/1")
  }

  @Test("when the table of channels is full, observing and resuming are refused as overloaded, known channels go on")
  func channelsTableFull() {
    let stage = ChannelStage(channelsMax: 1)
    stage.ask(.observe(list: 0))
    stage.ask(.observe(list: 0), in: .staged("room:2"))
    stage.ask(.resume(nil), in: .staged("room:2"))
    stage.put(.staged("ann"), in: .staged("room:2"))
    stage.put(.staged("ann"))
    let told = stage.taken().map(\.message)
    guard
      told.count == 3, case .reply(_, _, .refused(let first), .none, _) = told[1],
      case .refuse(.stagedFirst, .none, let second) = told[2]
    else {
      Issue.record("\(told)")
      return
    }
    #expect(first.code == .overloaded && second.code == .overloaded)
    #expect(stage.counters.observers == 1)
    #expect(stage.counters.overflows == 3)
    #expect(stage.counters.members == 1)
  }
}
