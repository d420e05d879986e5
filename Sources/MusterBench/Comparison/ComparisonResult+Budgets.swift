extension ComparisonResult {
  /// What Muster may cost, of that which a comparison can tell.
  package struct Budget: Sendable {
    /// What a figure is held against.
    package enum Bound: Sendable, Equatable {
      /// At most so much, in the figure's own unit.
      case atMost(Double)
      /// At most so many times the floor program's.
      case timesFloor(Double)
      /// Less than a peer's.
      case below(Peer)
    }

    package var figure: String
    package var what: String
    package var bound: Bound

    package init(figure: String, what: String, bound: Bound) {
      self.figure = figure
      self.what = what
      self.bound = bound
    }
  }

  /// The budgets, in the order of the table.
  package static let budgets: [Budget] = [
    .init(figure: "bytes_per_connection", what: "user bytes per idle connection with its session", bound: .atMost(512)),
    .init(figure: "beat_us", what: "heartbeat with reply", bound: .timesFloor(1.1)),
    .init(figure: "silent_us", what: "heartbeat without reply", bound: .timesFloor(1.2)),
    .init(figure: "upgrade_us", what: "accept and upgrade", bound: .timesFloor(1.5)),
    .init(figure: "delivery_us", what: "fan-out, one delivery", bound: .timesFloor(1.2)),
    .init(figure: "delivery_us", what: "fan-out, one delivery", bound: .below(.nchan)),
  ]

  /// Whether a budget was kept; `nil` when it was not measured.
  package func isKept(_ budget: Budget) -> Bool? {
    guard let own = spread(budget.figure, of: .muster)?.median else { return nil }
    switch budget.bound {
    case .atMost(let most): return own <= most
    case .timesFloor(let times): return ratio(budget.figure, of: .muster).map { $0 <= times }
    case .below(let peer): return spread(budget.figure, of: peer).map { own < $0.median }
    }
  }

  /// The budgets with what was measured, as a table.
  package var budgetTable: String {
    var lines = ["| what | budget | measured | kept |", "| --- | --- | --- | --- |"]
    for budget in Self.budgets {
      let digits = figures.first { $0.key == budget.figure }?.digits ?? 2
      let unit = figures.first { $0.key == budget.figure }?.unit ?? ""
      let own = spread(budget.figure, of: .muster).flatMap { Report.Value.fixed($0.median, digits: digits) }
      let (bound, measured): (String, String?) =
        switch budget.bound {
        case .atMost(let most): ("≤ \(ChartScale.short(most)) \(unit)", own.map { "\($0) \(unit)" })
        case .timesFloor(let times):
          (
            "≤ \(ChartScale.short(times)) × the floor",
            ratio(budget.figure, of: .muster).map { "\(ChartScale.short($0)) × (\(own ?? "–") \(unit))" }
          )
        case .below(let peer):
          (
            "below \(peer.title)",
            spread(budget.figure, of: peer).map {
              "\(own ?? "–") against \(Report.Value.fixed($0.median, digits: digits) ?? "–") \(unit)"
            }
          )
        }
      let verdict = isKept(budget).map { $0 ? "yes" : "**no**" } ?? "not measured"
      lines.append("| \(budget.what) | \(bound) | \(measured ?? "–") | \(verdict) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
