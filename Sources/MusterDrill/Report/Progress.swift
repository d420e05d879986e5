import Glibc
import Synchronization

/// Tells on stderr how far a drill is, once a second.
package final class Progress: Sendable {
  /// Where the lines go.
  package enum Style: Sendable {
    /// One line, written over and over.
    case terminal
    case lines
    case silent
  }

  private let style: Style
  private let next: Mutex<Moment>

  package init(style: Style) {
    self.style = style
    next = Mutex(.after(.seconds(1)))
  }

  /// The style that suits stderr as it is; off a terminal there are lines only when they are asked for.
  package static func style(isWanted: Bool) -> Style {
    isatty(STDERR_FILENO) == 1 ? .terminal : isWanted ? .lines : .silent
  }

  /// Writes a line if it is time for one.
  func show(_ text: @autoclosure () -> String) {
    guard style != .silent else { return }
    next.withLock { next in
      guard next.hasPassed else { return }
      next = .after(.seconds(1))
      Self.write(style == .terminal ? "\r\u{1b}[K\(text())" : "\(text())\n")
    }
  }

  /// Wipes the terminal's line.
  func clear() {
    if style == .terminal { Self.write("\r\u{1b}[K") }
  }

  private static func write(_ text: String) {
    let bytes = Array(text.utf8)
    _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
  }
}
