import MusterEngine
import MusterThreads

/// A random source that repeats itself for the same seed (SplitMix64, Steele, Lea and Flood, 2014).
package final class SeededRandom: RandomSource {
  private let state: ContendedLock<UInt64>

  package init(seed: UInt64) {
    state = ContendedLock(seed)
  }

  package func next() -> UInt64 {
    state.withLock { state in
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
      return z ^ z >> 31
    }
  }

  /// A number below a bound, which is at least 1.
  package func below(_ bound: Int) -> Int {
    Int(next() % UInt64(bound))
  }

  /// Whether something happens that does so in so many of a hundred cases.
  package func happens(percent: Int) -> Bool {
    below(100) < percent
  }

  /// One of several, of which there is at least one.
  package func pick<Element>(_ elements: [Element]) -> Element {
    elements[below(elements.count)]
  }
}
