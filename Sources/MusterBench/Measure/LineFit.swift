/// A straight line through measured points, by least squares.
///
/// Memory and CPU of a server have a part that does not depend on the load; dividing a total by the number of connections
/// blames it on them. The slope between several plateaus does not.
package struct LineFit: Sendable, Equatable {
  package let slope: Double
  package let intercept: Double
  /// How much of the variance the line explains, 0 to 1; 1 when all points lie on it.
  package let fit: Double

  /// Fits a line, or gives `nil` for fewer than two different `x`.
  package init?(_ points: [(x: Double, y: Double)]) {
    guard points.count >= 2 else { return nil }
    let count = Double(points.count)
    let meanX = points.reduce(0) { $0 + $1.x } / count
    let meanY = points.reduce(0) { $0 + $1.y } / count
    let varianceX = points.reduce(0) { $0 + ($1.x - meanX) * ($1.x - meanX) }
    let varianceY = points.reduce(0) { $0 + ($1.y - meanY) * ($1.y - meanY) }
    let covariance = points.reduce(0) { $0 + ($1.x - meanX) * ($1.y - meanY) }
    guard varianceX > 0 else { return nil }
    slope = covariance / varianceX
    intercept = meanY - slope * meanX
    fit = varianceY > 0 ? covariance * covariance / (varianceX * varianceY) : 1
  }
}
