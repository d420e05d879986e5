import Foundation
import MusterTestKit
import Testing

extension SeededRandom: RandomNumberGenerator {}

/// The seeds 1 to `count`, or only the one in `MUSTER_SEED`: how a failure that named its seed is looked at again.
func scenarioSeeds(_ count: UInt64) -> [UInt64] {
  if let seed = ProcessInfo.processInfo.environment["MUSTER_SEED"].flatMap(UInt64.init) { return [seed] }
  return Array(1...count)
}

/// What a scenario did not expect.
///
/// One is thrown instead of checking thousands of expectations, which would take longer than what they look at.
struct Violation: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// Ends a scenario unless the condition holds.
func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws {
  if !condition { throw Violation(sentence()) }
}

/// Expects a condition about a table.
///
/// The macro takes a call apart and copies what it is called on; tables cannot be copied, so their calls come here.
func expect(_ condition: Bool, _ sentence: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(condition, sentence, sourceLocation: sourceLocation)
}
