import MusterBench
import MusterJSON
import Testing

@Suite("Results of the engine")
struct EngineResultTests {
  private let facts = RunFacts(
    title: "T", command: "muster bench engine", commit: "abc", date: "2026-01-02T03:04:05Z",
    host: [.init("cores", "cores", .integer(2))])

  private func lateness(p999: Double) -> LatenessFigures {
    LatenessFigures(
      lateness: LatencySummary(count: 1_000, mean: 1, p50: 1, p90: 2, p99: 3, p999: p999, max: p999 + 1), longestSliceCPU: 4,
      longestSliceWall: 5)
  }

  @Test("a figure is the median of its rounds, size by size")
  func medians() throws {
    var result = EngineResult()
    for value in [30.0, 10, 20] { result.add(EngineFigures(sessions: 1_000, values: [.beatByID: value])) }
    result.add(EngineFigures(sessions: 64, values: [.beatByID: 5, .privateBytes: 90]))
    #expect(result.sizes == [64, 1_000])
    let spread = try #require(result.spread(.beatByID, at: 1_000))
    #expect(spread.median == 20 && spread.min == 10 && spread.max == 30 && spread.count == 3)
    #expect(result.spread(.privateBytes, at: 1_000) == nil)
    let page = result.markdown(facts)
    #expect(page.contains("| heartbeat by id in batches of 64, ns | 5.0 | 20.0 |"))
    #expect(page.contains("| process, bytes for each dormant session | 90.0 | – |"))
  }

  @Test("a budget is kept up to its bound, and those of ten million sessions hold for no other size")
  func budgets() {
    var result = EngineResult()
    result.add(EngineFigures(sessions: 1_000, values: [.beatBySlot: 1_000, .beatByID: 1_000, .sliceCPU: 1e6]))
    #expect(result.verdicts.isEmpty)
    result.add(EngineFigures(sessions: 10_000_000, values: [.beatBySlot: 25, .beatByID: 100.1]))
    #expect(result.verdicts.map(\.isKept) == [true, false])
    result.add(EngineFigures(sessions: 1_000_000, values: [:], slices: [.timers: [2_000_500]]))
    result.add(lateness(p999: 110_000))
    #expect(result.verdicts.map(\.isKept) == [true, false, false, true])
    #expect(result.markdown(facts).contains("**no**"))
  }

  @Test("what the machine adds to a slice in one round is not charged to the work, and what is there in all rounds is")
  func slices() throws {
    var result = EngineResult()
    for slices in [[5_000, 9_000_000, 7_000], [8_000_000, 6_000, 7_500], [4_000, 6_500, 8_500] as [UInt32]] {
      result.add(
        EngineFigures(sessions: 10_000_000, values: [.opensCPU: Double(slices.max() ?? 0) / 1e3], slices: [.opens: slices]))
    }
    #expect(result.longestSlice(.opens, at: 10_000_000) == 7)
    #expect(result.longestSlice(.timers, at: 10_000_000) == nil)
    #expect(result.verdicts.map(\.median) == [7])
    #expect(result.markdown(facts).contains("| 10 M | 64 opens | 8000.0 | 7.0 |"))
    #expect(result.json(facts).contains(#""longest_opens_at_quickest_us":7.0"#))
    for _ in 0..<2 {
      result.add(EngineFigures(sessions: 1_000_000, values: [:], slices: [.timers: [1_000, 2_000_001]]))
    }
    #expect(result.verdicts.map(\.isKept) == [false, true])
  }

  @Test("the page names the plots, and the JSON holds every raw value")
  func output() throws {
    var result = EngineResult()
    for sessions in [100, 1_000] {
      for value in [1.25, 2.5] {
        result.add(EngineFigures(sessions: sessions, values: [.open: value, .sliceCPU: value, .tableBytes: 92]))
      }
    }
    result.add(lateness(p999: 7))
    let plots = result.plots()
    #expect(plots.map(\.name) == ["beat", "life", "bytes", "stall"])
    #expect(plots.allSatisfy { $0.svg.hasPrefix("<svg") && $0.svg.contains("</svg>") })
    #expect(result.markdown(facts, plots: ["x-life.svg"]).contains("![x-life.svg](x-life.svg)"))
    let json = result.json(facts)
    #expect(json.contains(#""sessions":1000,"open_ns":[1.25,2.50]"#))
    #expect(json.contains(#""p99_9_us":7.0"#))
    #expect(json.contains(#""commit":"abc""#))
  }

  @Test("a plan has sizes and rounds in their bounds")
  func plan() {
    var plan = EngineResult.Plan()
    #expect(throws: Never.self) { try plan.validate() }
    plan.sessions = [63]
    #expect(throws: LoadError.self) { try plan.validate() }
    plan.sessions = [64]
    plan.rounds = 0
    #expect(throws: LoadError.self) { try plan.validate() }
  }

  @Test("the engine can be measured: every figure comes out, and memory is about what rows and indexes take")
  func measured() throws {
    let figures = EngineLoad.measure(sessions: 2_000)
    // Whether anything took long depends on the machine.
    let mayBeNone: Set<EngineFigure> = [.privateBytes, .longSlices, .longPauses]
    for figure in EngineFigure.allCases where !mayBeNone.contains(figure) {
      #expect(try #require(figures.values[figure]) > 0, "\(figure)")
    }
    #expect(try #require(figures.slices[.opens]).count == (2_000 + EngineLoad.batch - 1) / EngineLoad.batch)
    let timers = try #require(figures.slices[.timers])
    #expect(timers.count >= 2 * (2_000 / EngineLoad.timersPerSlice), "all leases end, and then all sessions")
    #expect((60..<200).contains(try #require(figures.values[.tableBytes])))
  }
}
