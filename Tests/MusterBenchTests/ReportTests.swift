import MusterBench
import Testing

@Suite struct ReportTests {
  private func sample() -> Report {
    var troubles = Tally()
    troubles.count(.reply, "rate_limited", "Too many \"requests\".", times: 3)
    let latency = LatencySummary(count: 100, mean: 150.04, p50: 120.05, p90: 300, p99: 900.5, p999: 1_200, max: 1_234.56)
    return Report(
      command: "beat", date: "2026-01-02T03:04:05Z", host: [.init("cores", "cores", .integer(2))],
      parameters: [
        .init("url", "server", .text("ws://a/ü")), .init("interval_s", "heartbeat every", unit: "s", .decimal(1, digits: 3)),
      ],
      sections: [
        .init(
          "beat", "heartbeats",
          [
            .init("sent", "heartbeats sent", .integer(100)), .init("pinned", "pinned", .flag(true)),
            .init("server_cpu_us_per_heartbeat", "server CPU per heartbeat", unit: "µs", .decimal(14.256, digits: 2)),
            .init("ratio", "ratio", .decimal(.nan, digits: 1)), .init("latency_us", "due to reply", .latency(latency)),
            .init(
              "plateaus", "plateaus",
              .rows([
                [.init("connections", "connections", .integer(5)), .init("rss", "resident", unit: "bytes", .integer(4_096))],
                [.init("connections", "connections", .integer(10)), .init("rss", "resident", unit: "bytes", .integer(8_192))],
              ])),
          ])
      ],
      troubles: troubles, isInterrupted: true)
  }

  @Test("the JSON of a report is fixed, since scripts read it")
  func json() {
    let golden =
      #"{"tool":"muster bench","command":"beat","date":"2026-01-02T03:04:05Z","host":{"cores":2},"#
      + #""parameters":{"url":"ws://a/ü","interval_s":1.000},"interrupted":true,"results":{"beat":{"sent":100,"pinned":true,"#
      + #""server_cpu_us_per_heartbeat":14.26,"ratio":null,"latency_us":{"count":100,"mean":150.0,"p50":120.1,"p90":300.0,"#
      + #""p99":900.5,"p99_9":1200.0,"max":1234.6},"plateaus":[{"connections":5,"rss":4096},{"connections":10,"rss":8192}]}},"#
      + #""troubles":[{"kind":"reply","code":"rate_limited","count":3,"message":"Too many \"requests\"."}]}"#
    #expect(sample().json == golden)
  }

  @Test("the table shows the same figures, aligned, with units")
  func table() {
    let golden = """
      muster bench beat, 2026-01-02T03:04:05Z, stopped early
        cores  2

      asked for
        server           ws://a/ü
        heartbeat every  1.000 s

      heartbeats
        heartbeats sent           100
        pinned                    yes
        server CPU per heartbeat  14.26 µs
        ratio                     -
        latency, µs   count   mean    p50    p90    p99   p99.9     max
        due to reply    100  150.0  120.1  300.0  900.5  1200.0  1234.6
        plateaus  connections  resident, bytes
                            5             4096
                           10             8192

      trouble
        reply rate_limited         3  Too many "requests".

      """
    #expect(sample().table == golden)
  }

  @Test("a report is clean if and only if nothing went wrong")
  func clean() {
    var report = sample()
    #expect(!report.isClean)
    report.troubles = Tally()
    #expect(report.isClean)
    #expect(report.json.hasSuffix(#""troubles":[]}"#))
    #expect(!report.table.contains("trouble"))
  }

  @Test("decimals are rounded half away from zero and keep their digits")
  func decimals() {
    for (value, digits, text) in [
      (0, 1, "0.0"), (0.05, 1, "0.1"), (-0.05, 1, "-0.1"), (-0.04, 1, "0.0"), (1.005, 3, "1.005"), (12.5, 0, "13"),
      (9.999, 2, "10.00"), (123_456_789.125, 2, "123456789.13"),
    ] { #expect(Report.Value.fixed(value, digits: digits) == text) }
    for value in [Double.nan, .infinity, -.infinity, 1e300] { #expect(Report.Value.fixed(value, digits: 2) == nil) }
  }

  @Test("the progress line says what is done, of how much, and whether anything is wrong")
  func progress() {
    #expect(
      ProgressBoard.text(label: "beat", unit: "replies", done: 4_000, total: nil, elapsed: 12.9, planned: 30.04, troubles: 0)
        == "beat: 12 of 30 s, 4000 replies")
    #expect(
      ProgressBoard.text(label: "connect", unit: "connections", done: 5, total: 9, elapsed: 1, planned: nil, troubles: 2)
        == "connect: 1 s, 5 of 9 connections, 2 troubles")
  }
}

@Suite struct LoadSettingsTests {
  private func problem(_ change: (inout LoadSettings) -> Void) -> String? {
    var settings = LoadSettings()
    change(&settings)
    do {
      try settings.validate()
      return nil
    } catch {
      return error.description
    }
  }

  @Test("defaults are sound; each setting out of its bounds is named by its flag")
  func bounds() {
    #expect(problem { _ in } == nil)
    #expect(problem { $0.connections = 0 }?.contains("--connections 0") == true)
    #expect(problem { $0.threads = 65 }?.contains("--threads 65") == true)
    #expect(problem { ($0.threads, $0.connections) = (4, 3) }?.contains("--threads 4") == true)
    #expect(problem { $0.connectAtOnceMax = 0 }?.contains("--at-once 0") == true)
    #expect(problem { $0.sources = 201 }?.contains("--sources 201") == true)
    #expect(problem { $0.connectsPerSecond = -1 }?.contains("--connect-rate") == true)
    #expect(problem { $0.timeout = .zero }?.contains("--timeout") == true)
    #expect(problem { $0.identity = .token(String(repeating: "x", count: 9_000)) }?.contains("--token") == true)
    #expect(problem { $0.url = "nowhere" }?.contains("'nowhere'") == true)
  }

  @Test("each load relates its own flags to their bounds")
  func loads() {
    let settings = LoadSettings()
    func beat(_ mode: BeatLoad.Mode) -> BeatLoad {
      BeatLoad(settings: settings, mode: mode, warmUp: .zero, duration: .seconds(1))
    }
    #expect(throws: Never.self) { try beat(.answered(every: .seconds(1))).check() }
    #expect(throws: LoadError.self) { try beat(.answered(every: .zero)).check() }
    #expect(throws: LoadError.self) { try beat(.pipelined(depth: 0)).check() }
    #expect(throws: LoadError.self) { try beat(.pipelined(depth: 1_001)).check() }
    #expect(throws: LoadError.self) { try ConnectLoad(settings: settings, hold: .seconds(-1)).check() }
    func churn(channels: Int, each: Int, rate: Double = 1) -> ChurnLoad {
      ChurnLoad(
        settings: settings, perSecond: rate, channels: channels, channelsPerConnection: each, channelPrefix: "a:", seed: 1,
        warmUp: .zero, duration: .seconds(1))
    }
    #expect(throws: Never.self) { try churn(channels: 3, each: 3).check() }
    #expect(throws: LoadError.self) { try churn(channels: 3, each: 4).check() }
    #expect(throws: LoadError.self) { try churn(channels: 3, each: 3, rate: 0).check() }
    var shared = settings
    shared.identity = .token("t")
    let fanout = FanoutLoad(
      settings: shared, observers: 1, actors: 1, perSecond: 1, channel: "a:b", warmUp: .zero, duration: .seconds(1))
    #expect(throws: LoadError.self) { try fanout.check() }
  }
}
