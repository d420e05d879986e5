/// The number of a row in a table.
package struct Slot: Sendable, Hashable, Comparable {
  package var rawValue: UInt32

  package init(_ rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// No row: the end of a list, the absence of a link.
  package static let none = Slot(.max)

  package static func < (left: Slot, right: Slot) -> Bool { left.rawValue < right.rawValue }
}
