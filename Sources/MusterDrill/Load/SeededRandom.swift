/// The random numbers of one seed: the same plan for the same seed.
package struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) {
    state = seed
  }

  /// A generator of its own for a part of the work, whatever the other parts draw.
  package func branch(_ index: Int) -> SeededRandom {
    var child = SeededRandom(seed: state ^ (UInt64(truncatingIfNeeded: index) &+ 1) &* 0xd6e8_feb8_6659_fd93)
    _ = child.next()
    return child
  }

  /// SplitMix64 (Steele, Lea and Flood, 2014).
  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }

  /// A span within bounds, to the millisecond.
  package mutating func span(milliseconds: ClosedRange<Int>) -> Duration {
    .milliseconds(Int.random(in: milliseconds, using: &self))
  }

  /// Whether something of this likelihood happens.
  package mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}
