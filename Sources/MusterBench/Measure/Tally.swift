/// What went wrong, counted by kind and code, with the first message of each.
///
/// A load goes on when the server refuses something; what it refused is part of the result, and any of it makes the run fail.
package struct Tally: Sendable, Equatable {
  /// Where a trouble showed itself.
  package enum Kind: String, Sendable, CaseIterable {
    /// A TCP connection could not be made.
    case connect
    /// The HTTP upgrade was not answered with 101.
    case upgrade
    /// A request was answered with an error.
    case reply
    /// The server ended a connection that should have stayed.
    case close
    /// What the server sent breaks the protocol.
    case `protocol`
    /// Something did not come in time.
    case timeout
    /// A count of the server is not what it should be.
    case mismatch
  }

  /// One line of the tally.
  package struct Entry: Sendable, Equatable, CustomStringConvertible {
    package var kind: Kind
    /// The server's name for it (`rate_limited`), or the system's.
    package var code: String
    package var count: Int
    /// What the first of them said.
    package var message: String

    package init(kind: Kind, code: String, count: Int, message: String) {
      self.kind = kind
      self.code = code
      self.count = count
      self.message = message
    }

    package var description: String { "\(kind.rawValue) \(code)\(message.isEmpty ? "" : ": \(message)")" }
  }

  /// So many different codes are told apart; later ones count as `other`.
  package static let entriesMax = 64

  /// In the order in which they first occurred.
  package private(set) var entries: [Entry] = []

  package init() {}

  /// How often anything went wrong.
  package var total: Int { entries.reduce(0) { $0 + $1.count } }

  package var isEmpty: Bool { entries.isEmpty }

  /// Counts one trouble.
  ///
  /// - Complexity: O(different codes), a handful.
  package mutating func count(_ kind: Kind, _ code: String, _ message: @autoclosure () -> String = "", times: Int = 1) {
    guard times > 0 else { return }
    let isKnown = entries.contains { $0.kind == kind && $0.code == code }
    let code = isKnown || entries.count < Self.entriesMax ? code : "other"
    if let index = entries.firstIndex(where: { $0.kind == kind && $0.code == code }) {
      entries[index].count += times
    } else {
      entries.append(Entry(kind: kind, code: code, count: times, message: message()))
    }
  }

  /// Adds what another thread counted.
  package mutating func add(_ other: Tally) {
    for entry in other.entries { count(entry.kind, entry.code, entry.message, times: entry.count) }
  }
}
