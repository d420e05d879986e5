import MusterStorage
import Testing

@Suite("The recovery table")
struct RecoveryTableTests {
  private static let all: [GroupFacts] = GroupFacts.Checksum.allCases.flatMap { checksum in
    GroupFacts.Position.allCases.flatMap { position in
      [false, true].map { GroupFacts(checksum, position, isClaimed: $0) }
    }
  }

  @Test("every combination of facts is decided by exactly one row")
  func isTotalAndUnambiguous() {
    #expect(Self.all.count == 24)
    for facts in Self.all { #expect(RecoveryTable.rows.count { $0.matches(facts) } == 1, "\(facts)") }
    for row in RecoveryTable.rows { #expect(Self.all.contains { row.matches($0) }, "a row that nothing matches") }
  }

  @Test("the decisions are those of the design, one by one")
  func decisions() {
    for facts in Self.all {
      let expected: GroupDecision =
        switch (facts.checksum, facts.position, facts.isClaimed) {
        case (.good, .next, _): .replay
        case (.good, .covered, _): .skip
        case (.good, .beyond, _): .refuse(.gap)
        case (.good, .behind, _): .refuse(.repeated)
        case (.absent, _, false): .endOfSegment
        case (.absent, _, true): .refuse(.missing)
        case (.bad, _, false): .cutTorn
        case (.bad, _, true): .refuse(.corrupt)
        }
      #expect(RecoveryTable.decide(facts) == expected, "\(facts)")
    }
  }

  @Test("nothing that is claimed to be durable is ever passed over unless it is sound")
  func claimsAreKept() {
    for facts in Self.all where facts.isClaimed && facts.checksum != .good {
      guard case .refuse = RecoveryTable.decide(facts) else {
        Issue.record("\(facts) is passed over")
        continue
      }
    }
  }
}
