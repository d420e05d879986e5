import MusterEngine

/// Durations as they are written in settings: a whole number and a unit, `25s`, `1500ms`, `30m`, `12h`, `30d`.
package enum DurationText {
  private static let units: [(name: String, milliseconds: Int64)] = [
    ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
  ]

  /// Reads a duration; a bare `0` needs no unit.
  ///
  /// - Returns: `nil` when it is not written like that, or does not fit.
  package static func duration(_ text: String) -> Duration? {
    if text == "0" { return .zero }
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(digits.count)
    guard let count = Int64(digits), let size = units.first(where: { $0.name == unit })?.milliseconds else { return nil }
    let (milliseconds, overflow) = count.multipliedReportingOverflow(by: size)
    // Beyond this, `Duration` itself would overflow in later sums.
    guard !overflow, milliseconds <= Int64.max / 4 else { return nil }
    return .milliseconds(milliseconds)
  }

  /// Writes a duration with the largest unit that needs no fraction.
  package static func text(_ duration: Duration) -> String {
    let milliseconds = duration.milliseconds
    guard milliseconds != 0 else { return "0s" }
    let unit = units.last { milliseconds % $0.milliseconds == 0 } ?? units[0]
    return "\(milliseconds / unit.milliseconds)\(unit.name)"
  }
}
