import Testing

@testable import MusterDrill

@Suite("A result says the same in the table and in JSON")
struct ResultTests {
  private func makeResult() -> DrillResult {
    var result = DrillResult(scenario: "kill-under-load", seed: .max)
    result.acknowledged = 1234
    result.unanswered = 5
    result.kills = 3
    result.recoveries = [.milliseconds(80), .milliseconds(200), .microseconds(100_250)]
    result.events = 0
    result.notes = [.init("rounds", "rounds", .integer(3)), .init("wait_ms", "waited", .span(.microseconds(1500)))]
    result.elapsed = .seconds(12)
    return result
  }

  @Test("the figures of a drill in which nothing was lost")
  func kept() throws {
    let result = makeResult()
    #expect(result.outcome == .kept && result.isClean)
    for line in [
      "muster drill kill-under-load, seed 18446744073709551615", "outcome                    kept",
      "acknowledged operations    1234", "lost                       0", "100.3 / 200.0 ms (3 starts)",
      "waited                     1.5 ms",
      "took                       12.0 s",
    ] { #expect(result.table.contains(line), "\(line) is not in\n\(result.table)") }
    let json = try JSONValue(parsing: Array(result.json.utf8))
    #expect(json["outcome"] == "kept")
    #expect(json["acknowledged"] == 1234)
    #expect(json["lost"] == 0)
    #expect(json["events"] == 0)
    #expect(json["kills"] == 3)
    #expect(json["seed"] == "18446744073709551615")
    #expect(json["recoveries_ms"].elements.count == 3)
    #expect(json["rounds"] == 3)
  }

  @Test("a loss makes it unclean, and both forms name it")
  func lost() throws {
    var result = makeResult()
    result.losses = (0..<12).map { Loss(subject: "session \($0)", part: "data", acknowledged: "1", found: "0") }
    #expect(result.outcome == .lost && !result.isClean)
    #expect(result.table.contains("session 9, data: acknowledged 1, found 0"))
    #expect(!result.table.contains("session 10,"))
    #expect(result.table.contains("and 2 more"))
    let json = try JSONValue(parsing: Array(result.json.utf8))
    #expect(json["losses"].elements.count == 12)
    #expect(json["losses"].elements.first?["found"] == "0")
  }

  @Test("trouble, and events that a restart caused, make it unclean too")
  func failed() {
    var result = makeResult()
    result.events = 1
    #expect(result.outcome == .failed && !result.isClean)
    result.events = nil
    result.troubles = ["it burned"]
    #expect(result.outcome == .failed && result.table.contains("it burned"))
    #expect(!result.table.contains("events caused"))
  }

  @Test("a skipped drill says why, shows no figures, and is clean unless something was lost")
  func skipped() throws {
    var result = DrillResult(scenario: "full-disk", seed: 1)
    result.skipReason = "only root can"
    #expect(result.isClean)
    #expect(result.table.contains("only root can") && !result.table.contains("acknowledged"))
    #expect(try JSONValue(parsing: Array(result.json.utf8))["reason"] == "only root can")
    result.losses = [Loss(subject: "s", part: "p", acknowledged: "1", found: "0")]
    #expect(!result.isClean)
  }
}
