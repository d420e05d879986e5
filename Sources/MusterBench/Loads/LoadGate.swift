/// A place in a load where all of its processes wait for each other.
package struct LoadMark: Sendable, Hashable, CustomStringConvertible {
  /// One word.
  package let description: String

  init(_ description: String) {
    self.description = description
  }

  /// All connections of a plateau are up.
  static func plateau(_ leg: Int) -> LoadMark { LoadMark("plateau-\(leg)") }

  /// The plateau has been measured.
  static func measured(_ leg: Int) -> LoadMark { LoadMark("measured-\(leg)") }

  /// What is measured begins.
  static func part(_ key: String) -> LoadMark { LoadMark("part-\(key)") }

  /// All connections are about to be dropped.
  static let storm = LoadMark("storm")
}

/// Holds a process back until all others of its load have come as far.
package protocol LoadGate: Sendable {
  /// Says that this process has arrived.
  func arrive(at mark: LoadMark) throws(LoadError)

  /// Whether all have; never waits.
  func isOpen(for mark: LoadMark) throws(LoadError) -> Bool
}
