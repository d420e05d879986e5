import MusterBench
import Testing

@Suite struct OutcomeTests {
  private func outcome(_ random: inout SeededRandom) -> Outcome {
    var outcome = Outcome()
    outcome.counts = [.done: Int.random(in: 0...1_000_000, using: &random), .sent: 3, .heartbeatMilliseconds: 25_000]
    var record = LatencyRecord()
    for _ in 0..<500 { record.record(UInt64.random(in: 1...10_000_000_000, using: &random)) }
    outcome.latencies = [.reply: record]
    outcome.seconds = 1.5
    outcome.usage.seconds = 2.25
    outcome.usage.own = 1e9
    outcome.usage.server = 5e8
    outcome.usage.kernelShare = 0.25
    outcome.plateaus = [
      .init(connections: 10, cpuNanoseconds: 5, residentBytes: 4_096, privateBytes: nil),
      .init(connections: 20, cpuNanoseconds: 9, residentBytes: 8_192, privateBytes: 1_024),
    ]
    return outcome
  }

  @Test("what one process tells, the other reads: counts, every latency, usage, plateaus and troubles")
  func roundTrip() throws {
    var random = SeededRandom()
    let told = outcome(&random)
    var troubles = Tally()
    troubles.count(.close, "4503 kicked", #"said "no""#, times: 4)
    let line = ShareResult(outcomes: [("beat", told)], troubles: troubles, isInterrupted: true).json
    #expect(!line.contains("\n"))
    let result = try ShareResult(json: line)
    let read = try #require(result.outcomes.first)
    #expect(read.key == "beat" && result.isInterrupted && result.troubles == troubles)
    #expect(read.outcome.counts == told.counts, "\(random)")
    #expect(read.outcome.latencies[.reply]?.summary == told.latencies[.reply]?.summary, "\(random)")
    #expect(read.outcome.usage == told.usage)
    #expect(read.outcome.plateaus == told.plateaus)
    #expect(read.outcome.seconds == told.seconds)
  }

  @Test("what is no result is named, not taken for an empty one", arguments: ["", "{", "[]", #"{"parts":[{"key":1}]}"#])
  func garbage(line: String) {
    #expect(throws: LoadError.self) { try ShareResult(json: line) }
  }

  @Test("shares add up: counts, latencies and the generators' CPU; the server is one, and the longest time counts")
  func merging() throws {
    var random = SeededRandom()
    var (left, right) = (outcome(&random), outcome(&random))
    right.usage.seconds = 3
    right.usage.server = 7e8
    let done = left[.done] + right[.done]
    left.add(right)
    #expect(left[.done] == done && left[.sent] == 6)
    #expect(left.counts[.heartbeatMilliseconds] == 25_000)
    #expect(left.latencies[.reply]?.count == 1_000)
    #expect(left.usage.seconds == 3 && left.usage.own == 2e9 && left.usage.server == 5e8)
    #expect(left.plateaus.map(\.connections) == [20, 40])
    #expect(left.plateaus.map(\.residentBytes) == [4_096, 8_192])
  }

  @Test("every connection is in exactly one share", arguments: [1, 2, 3, 7, 32])
  func shares(processes: Int) {
    for connections in [32, 100, 19_001] {
      let shares = (0..<processes).map { ProcessTeam.share(of: connections, index: $0, count: processes) }
      #expect(shares.reduce(0, +) == connections)
      #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 1)
    }
  }
}
