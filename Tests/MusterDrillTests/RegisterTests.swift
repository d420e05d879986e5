import Testing

@testable import MusterDrill

@Suite("What was acknowledged must be there, what was only sent may be")
struct RegisterTests {
  private func ticket(_ number: Int) -> Ticket { Ticket(number) }

  @Test("nothing sent: only the settled value will do")
  func settledOnly() {
    let register = Register("a")
    #expect(register.allows("a", .acknowledged))
    #expect(!register.allows("b", .acknowledged))
    #expect(!register.isUncertain)
  }

  @Test("sent without an answer: before, after, and anything in between")
  func unanswered() {
    var register = Register("a")
    register.send("b", ticket(1))
    register.send("c", ticket(2))
    #expect(["a", "b", "c"].allSatisfy { register.allows($0, .acknowledged) })
    #expect(!register.allows("d", .acknowledged))
    #expect(register.expected == "c")
    #expect(register.settled == "a")
  }

  @Test("an answer settles what was sent before it too")
  func acknowledgedInOrder() {
    var register = Register("a")
    for (number, value) in ["b", "c", "d"].enumerated() { register.send(value, ticket(number)) }
    register.acknowledge(ticket(1))
    // Requests about one thing are carried out in order, so "b" has been and gone.
    #expect(!register.allows("a", .acknowledged))
    #expect(!register.allows("b", .acknowledged))
    #expect(register.allows("c", .acknowledged))
    #expect(register.allows("d", .acknowledged))
  }

  @Test("a refusal takes away what it would have changed, and nothing else")
  func refused() {
    var register = Register("a")
    register.send("b", ticket(1))
    register.send("c", ticket(2))
    register.refuse(ticket(1))
    #expect(!register.allows("b", .acknowledged))
    #expect(register.allows("a", .acknowledged) && register.allows("c", .acknowledged))
  }

  @Test("a ticket that is not pending changes nothing")
  func unknownTicket() {
    var register = Register("a")
    register.acknowledge(ticket(9))
    #expect(register.settled == "a")
  }

  @Test("one request with two possible outcomes is settled by what the answer shows")
  func outcomes() {
    var register = Register(0)
    register.send(1, ticket(1))
    for base in register.possible.sorted() { register.send(base + 10, ticket(2)) }
    #expect(register.possible == [0, 1, 10, 11])
    register.acknowledge(ticket(2), as: 10)
    #expect(register.possible == [10])
  }

  @Test("behind a mark: every value since may be there, none from before it")
  func marked() {
    var register = Register("a")
    register.send("b", ticket(1))
    register.acknowledge(ticket(1))
    register.mark()
    register.send("c", ticket(2))
    register.acknowledge(ticket(2))
    register.send("d", ticket(3))
    #expect(["b", "c", "d"].allSatisfy { register.allows($0, .sinceMark) })
    #expect(!register.allows("a", .sinceMark))
    // Without a cut there is no excuse.
    #expect(!register.allows("b", .acknowledged))
  }

  @Test("what a restarted server has is the new truth")
  func settled() {
    var register = Register("a")
    register.send("b", ticket(1))
    register.settle("b")
    #expect(!register.isUncertain)
    #expect(!register.allows("a", .acknowledged))
  }
}
