/// What recovery finds where the next group should be.
package struct GroupFacts: Sendable, Hashable {
  /// Whether there is something, and whether it is what was written.
  package enum Checksum: Sendable, Hashable, CaseIterable {
    case good
    /// Nothing was ever written there.
    case absent
    case bad
  }

  /// Where a sound group stands; what is absent or bad is taken to be the next one.
  package enum Position: Sendable, Hashable, CaseIterable {
    /// All its records are in the snapshot.
    case covered
    /// It follows what stands before it.
    case next
    /// Something is missing before it.
    case beyond
    /// It repeats what stands before it.
    case behind
  }

  package var checksum: Checksum
  package var position: Position
  /// Whether the checkpoint, a later segment or a later group says that the next record was durable.
  package var isClaimed: Bool

  package init(_ checksum: Checksum, _ position: Position, isClaimed: Bool) {
    self.checksum = checksum
    self.position = position
    self.isClaimed = isClaimed
  }
}

/// What recovery does about it.
package enum GroupDecision: Sendable, Hashable {
  case replay
  case skip
  /// The log, or this segment of it, ends here.
  case endOfSegment
  /// Keep a copy aside, truncate, sync, go on: nobody was told that this is durable.
  case cutTorn
  case refuse(LogFault)
}

/// What recovery does not go on with by itself.
package enum LogFault: String, Sendable, Hashable, CaseIterable {
  /// A group does not follow the one before it.
  case gap
  /// A group repeats records that were there before.
  case repeated
  /// Records are not there although they were durable.
  case missing
  /// Something that was durable is not what was written.
  case corrupt
  /// A sound group holds a record that this program cannot read.
  case unreadable
  /// A segment is of a version that this program does not know.
  case unknownVersion
}

/// The decisions of recovery, all of them.
///
/// The claim is what tells a torn tail, which nobody was promised, from damage to what was acknowledged. It comes from what was
/// written later: each header carries the LSN that was durable by then.
package enum RecoveryTable {
  /// One row; what is `nil` does not matter.
  package struct Row: Sendable {
    package let checksum: GroupFacts.Checksum
    package let position: GroupFacts.Position?
    package let isClaimed: Bool?
    package let decision: GroupDecision

    /// Whether the row is about these facts.
    package func matches(_ facts: GroupFacts) -> Bool {
      checksum == facts.checksum && position ?? facts.position == facts.position
        && isClaimed ?? facts.isClaimed == facts.isClaimed
    }
  }

  package static let rows: [Row] = [
    Row(checksum: .good, position: .next, isClaimed: nil, decision: .replay),
    Row(checksum: .good, position: .covered, isClaimed: nil, decision: .skip),
    Row(checksum: .good, position: .beyond, isClaimed: nil, decision: .refuse(.gap)),
    Row(checksum: .good, position: .behind, isClaimed: nil, decision: .refuse(.repeated)),
    Row(checksum: .absent, position: nil, isClaimed: false, decision: .endOfSegment),
    Row(checksum: .absent, position: nil, isClaimed: true, decision: .refuse(.missing)),
    Row(checksum: .bad, position: nil, isClaimed: false, decision: .cutTorn),
    Row(checksum: .bad, position: nil, isClaimed: true, decision: .refuse(.corrupt)),
  ]

  /// Looks facts up.
  package static func decide(_ facts: GroupFacts) -> GroupDecision {
    guard let row = rows.first(where: { $0.matches(facts) }) else {
      preconditionFailure("the recovery table has no row for \(facts)")
    }
    return row.decision
  }
}
