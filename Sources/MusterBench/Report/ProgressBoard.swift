import Glibc
import Synchronization

/// Where the workers say how far they are, and one of them tells the user.
///
/// On a terminal one line on stderr is written over and over; elsewhere (a log, a pipe) there is one line every five seconds.
package final class ProgressBoard: Sendable {
  /// Where the lines go.
  package enum Style: Sendable {
    case terminal
    case lines
    case silent
  }

  private struct Line {
    var label = ""
    var unit = ""
    var total: Int?
    var began = MonotonicTime.now()
    var ends = MonotonicTime.never
    var next = MonotonicTime.now()
    var isShown = false
  }

  private let style: Style
  private let done = Atomic<Int>(0)
  private let troubles = Atomic<Int>(0)
  private let line = Mutex(Line())

  package init(style: Style) {
    self.style = style
  }

  /// The style that suits stderr as it is.
  package static var styleOfStandardError: Style { isatty(STDERR_FILENO) == 1 ? .terminal : .lines }

  /// Begins a phase.
  ///
  /// Short ones end before they are told of at all.
  ///
  /// - Parameters:
  ///   - label: What is done, such as `connect`.
  ///   - unit: What is counted, such as `replies`.
  ///   - total: How many there will be, when that ends the phase.
  ///   - ends: When time ends it.
  package func begin(_ label: String, unit: String, total: Int? = nil, ends: MonotonicTime = .never) {
    done.store(0, ordering: .relaxed)
    let now = MonotonicTime.now()
    line.withLock {
      $0 = Line(
        label: label, unit: unit, total: total, began: now, ends: ends,
        next: now.advanced(by: style == .terminal ? .milliseconds(200) : .seconds(5)), isShown: false)
    }
  }

  /// Ends a phase: the terminal's line is wiped.
  package func end() {
    line.withLock {
      if $0.isShown, style == .terminal { Self.write("\r\u{1b}[K") }
      $0.isShown = false
      $0.next = .never
    }
  }

  /// Adds what a worker has done since it last did so.
  func add(done more: Int, troubles moreTroubles: Int) {
    done.add(more, ordering: .relaxed)
    troubles.add(moreTroubles, ordering: .relaxed)
  }

  /// Writes the line if it is time for it.
  func report(at now: MonotonicTime) {
    guard style != .silent else { return }
    line.withLock {
      guard now >= $0.next else { return }
      $0.next = now.advanced(by: style == .terminal ? .milliseconds(500) : .seconds(5))
      $0.isShown = true
      let text = Self.text(
        label: $0.label, unit: $0.unit, done: done.load(ordering: .relaxed), total: $0.total,
        elapsed: now.seconds(since: $0.began), planned: $0.ends == .never ? nil : $0.ends.seconds(since: $0.began),
        troubles: troubles.load(ordering: .relaxed))
      Self.write(style == .terminal ? "\r\u{1b}[K\(text)" : "\(text)\n")
    }
  }

  /// The line itself.
  package static func text(
    label: String, unit: String, done: Int, total: Int?, elapsed: Double, planned: Double?, troubles: Int
  ) -> String {
    let time = planned.map { "\(Int(elapsed)) of \(Int($0.rounded())) s" } ?? "\(Int(elapsed)) s"
    let amount = total.map { "\(done) of \($0) \(unit)" } ?? "\(done) \(unit)"
    let trouble = troubles == 0 ? "" : ", \(troubles) troubles"
    return "\(label): \(time), \(amount)\(trouble)"
  }

  private static func write(_ text: String) {
    let bytes = Array(text.utf8)
    _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
  }
}
