/// Where unpredictable bits come from: session ids, guest ids, the epoch, jitter.
///
/// The system's secure source in production, a seeded one in tests.
package protocol RandomSource: Sendable {
  /// 64 random bits.
  func next() -> UInt64
}

/// The secure random source of the system.
package struct SystemRandom: RandomSource {
  package init() {}

  package func next() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }
}
