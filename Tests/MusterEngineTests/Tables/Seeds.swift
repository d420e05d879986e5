import Foundation
import Testing

/// A small generator whose whole future is its seed (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
/// 2014).
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }

  /// Whether something happens that happens once in `times`.
  mutating func oneIn(_ times: Int) -> Bool {
    Int.random(in: 0..<times, using: &self) == 0
  }
}

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
