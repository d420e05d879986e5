/// What several interleaved rounds over all sizes found out about the engine.
package struct EngineResult: Sendable {
  /// What is run.
  package struct Plan: Sendable, Equatable {
    package var sessions = EngineLoad.sizes
    package var rounds = 5
    /// Leases that end in real time; 0 for none.
    package var leases = EngineLoad.leases

    package init() {}

    /// Makes sure that the numbers are in their bounds.
    ///
    /// - Throws: ``LoadError/plan(_:)``.
    package func validate() throws(LoadError) {
      guard sessions.allSatisfy({ (EngineLoad.batch...50_000_000).contains($0) }), !sessions.isEmpty else {
        throw .plan("--sessions takes sizes from \(EngineLoad.batch) to 50000000")
      }
      guard (1...100).contains(rounds) else { throw .plan("--rounds takes 1 to 100") }
    }
  }

  /// The measured values by size, in the order of the rounds.
  package private(set) var values: [Int: [EngineFigure: [Double]]] = [:]
  /// Each slice at its quickest of the rounds, in nanoseconds of CPU, by size.
  private var quickest: [Int: [SliceKind: [UInt32]]] = [:]
  package private(set) var lateness: [LatenessFigures] = []

  package init() {}

  /// Measures all sizes in turns; lateness comes last, once for each round.
  ///
  /// - Parameters:
  ///   - plan: What is measured, and how often.
  ///   - tell: Is told what comes next.
  /// - Returns: What was measured, also when it was ended early.
  package static func measure(_ plan: Plan, tell: (String) -> Void) -> EngineResult {
    var result = EngineResult()
    for round in 0..<plan.rounds {
      for sessions in plan.sessions {
        if StopSignal.isRaised { return result }
        tell("round \(round + 1): \(ChartScale.label(Double(sessions))) sessions")
        result.add(EngineLoad.measure(sessions: sessions))
      }
    }
    for round in 0..<plan.rounds where plan.leases > 0 && !StopSignal.isRaised {
      tell("round \(round + 1): \(ChartScale.label(Double(plan.leases))) leases in real time")
      result.add(EngineLoad.lateness(leases: plan.leases))
    }
    return result
  }

  /// Takes in what one run at one size measured.
  package mutating func add(_ figures: EngineFigures) {
    for (figure, value) in figures.values {
      values[figures.sessions, default: [:]][figure, default: []].append(value)
    }
    for (kind, slices) in figures.slices {
      let known = quickest[figures.sessions]?[kind] ?? slices
      quickest[figures.sessions, default: [:]][kind] = zip(known, slices).map(min)
    }
  }

  /// The longest slice of the work itself, in microseconds of CPU: each slice is taken at its quickest of the rounds.
  ///
  /// Rounds do exactly the same work, slice by slice. What the machine adds, when its host takes memory or processors away, comes at
  /// another slice in each round, and is charged to whichever runs; what the work takes is there in all of them.
  package func longestSlice(_ kind: SliceKind, at sessions: Int) -> Double? {
    quickest[sessions]?[kind]?.max().map { Double($0) / 1e3 }
  }

  /// Takes in one run of leases in real time.
  package mutating func add(_ figures: LatenessFigures) {
    lateness.append(figures)
  }

  /// The sizes that were measured, the smallest first.
  package var sizes: [Int] { Set(values.keys).union(quickest.keys).sorted() }

  /// The median of a figure at one size, with the least and the most.
  package func spread(_ figure: EngineFigure, at sessions: Int) -> Spread? {
    Spread(values[sessions]?[figure] ?? [])
  }
}

// MARK: Budgets

extension EngineResult {
  /// A budget, and the median that stands against it.
  package struct Verdict: Sendable, Equatable {
    package var what: String
    package var most: Double
    package var median: Double

    package var isKept: Bool { median <= most }
  }

  /// The lateness that a lease may have at the 99.9th percentile, in microseconds: one tick and 10 ms.
  private static let latenessMax = 110_000.0

  /// The budgets that something was measured for: those of ten million sessions only at that size.
  package var verdicts: [Verdict] {
    var verdicts: [Verdict] = []
    for figure in EngineFigure.allCases {
      guard let most = figure.budget, let spread = spread(figure, at: 10_000_000) else { continue }
      verdicts.append(Verdict(what: "\(figure.title), 10 M sessions", most: most, median: spread.median))
    }
    for sessions in sizes where sessions >= 1_000_000 {
      for kind in SliceKind.allCases {
        guard let longest = longestSlice(kind, at: sessions) else { continue }
        let what = "longest slice of \(kind.title) at its quickest, µs of CPU, \(ChartScale.label(Double(sessions))) sessions"
        verdicts.append(Verdict(what: what, most: SliceKind.budget, median: longest))
      }
    }
    if let spread = Spread(lateness.map(\.lateness.p999)) {
      verdicts.append(
        Verdict(what: "lateness of leases over 10 s, p99.9, µs", most: Self.latenessMax, median: spread.median))
    }
    return verdicts
  }
}
