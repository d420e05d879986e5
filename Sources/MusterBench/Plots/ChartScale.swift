import Glibc

/// How numbers become places on an axis.
///
/// - Invariant: I1. `ticks` increase, and the first and the last are the ends of the axis.
/// - Invariant: I2. Everything that the scale was made to cover lies between them.
package struct ChartScale: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// From 0 up, so that twice as much is twice as far.
    case linear
    /// Each step a multiple; for positive numbers only.
    case logarithmic
  }

  package let kind: Kind
  package let ticks: [Double]

  /// Makes an axis that covers some numbers.
  ///
  /// - Parameters:
  ///   - values: What is to be shown; on a logarithmic axis what is not positive is not.
  ///   - kind: How it is spaced.
  package init(covering values: [Double], _ kind: Kind) {
    self.kind = kind
    let shown = values.filter { $0.isFinite && (kind == .linear || $0 > 0) }
    switch kind {
    case .linear: ticks = Self.linearTicks(upTo: max(shown.max() ?? 1, 1e-9))
    case .logarithmic: ticks = Self.logarithmicTicks(from: shown.min() ?? 1, to: shown.max() ?? 10)
    }
  }

  /// Where a number lies, 0 at the first tick and 1 at the last; outside of the axis it is at its end.
  package func position(_ value: Double) -> Double {
    let (low, high) = (ticks[0], ticks[ticks.count - 1])
    switch kind {
    case .linear: return min(1, max(0, (value - low) / (high - low)))
    case .logarithmic:
      guard value > 0 else { return 0 }
      return min(1, max(0, (log10(value) - log10(low)) / (log10(high) - log10(low))))
    }
  }

  /// Four to eight steps of 1, 2 or 5 times a power of ten.
  private static func linearTicks(upTo top: Double) -> [Double] {
    let power = pow(10, floor(log10(top / 4)))
    let step = [1, 2, 5, 10].map { $0 * power }.first { top / $0 <= 7 } ?? power * 10
    let count = Int((top / step - 1e-9).rounded(.up))
    return (0...max(1, count)).map { Double($0) * step }
  }

  /// Powers of ten, and 2 and 5 times them when there are few.
  private static func logarithmicTicks(from bottom: Double, to top: Double) -> [Double] {
    let decades = log10(top) - log10(bottom)
    let factors: [Double] = decades > 3.5 ? [1] : [1, 2, 5]
    var candidates: [Double] = []
    for exponent in Int(floor(log10(bottom))) - 1...Int(ceil(log10(top))) + 1 {
      candidates += factors.map { $0 * pow(10, Double(exponent)) }
    }
    let first = candidates.last { $0 <= bottom * (1 + 1e-9) } ?? bottom
    var last = candidates.first { $0 >= top * (1 - 1e-9) } ?? top
    if last <= first { last = candidates.first { $0 > first } ?? first * 10 }
    return candidates.filter { $0 >= first && $0 <= last }
  }

  /// A number as it stands at a tick: `0.5`, `20`, `1.5 k`, `10 M`.
  package static func label(_ value: Double) -> String {
    for (size, suffix) in [(1e9, " G"), (1e6, " M"), (1e3, " k")] where abs(value) >= size {
      return short(value / size) + suffix
    }
    return short(value)
  }

  /// At most three significant digits, without zeros at the end.
  package static func short(_ value: Double) -> String {
    if value == 0 { return "0" }
    let digits = max(0, 2 - Int(floor(log10(abs(value)))))
    guard var text = Report.Value.fixed(value, digits: min(digits, 9)) else { return "–" }
    if text.contains(".") {
      while text.hasSuffix("0") { text.removeLast() }
      if text.hasSuffix(".") { text.removeLast() }
    }
    return text
  }
}
