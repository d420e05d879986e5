import Glibc
import MusterBench
import Testing

@Suite struct LineFitTests {
  @Test("points on a line give the line, whatever the part that does not depend on the load")
  func exact() throws {
    let line = try #require(LineFit([(5_000, 1_300), (10_000, 2_300), (15_000, 3_300), (19_000, 4_100)]))
    #expect(abs(line.slope - 0.2) < 1e-12)
    #expect(abs(line.intercept - 300) < 1e-9)
    #expect(abs(line.fit - 1) < 1e-12)
  }

  @Test("scattered points: the line of least squares, and less than all explained")
  func scattered() throws {
    let line = try #require(LineFit([(1, 2), (2, 1), (3, 4), (4, 3)]))
    #expect(abs(line.slope - 0.6) < 1e-12)
    #expect(abs(line.intercept - 1) < 1e-12)
    #expect(abs(line.fit - 0.36) < 1e-12)
  }

  @Test("a server that does not grow has slope 0, and the line explains that")
  func flat() {
    #expect(LineFit([(1, 7), (2, 7), (3, 7)])?.slope == 0)
    #expect(LineFit([(1, 7), (2, 7), (3, 7)])?.fit == 1)
  }

  @Test("there is no line through fewer than two different loads")
  func tooFew() {
    #expect(LineFit([]) == nil)
    #expect(LineFit([(1, 2)]) == nil)
    #expect(LineFit([(1, 2), (1, 3)]) == nil)
  }
}

@Suite struct LatencyRecordTests {
  @Test("percentiles are exact to three digits")
  func percentiles() throws {
    var record = LatencyRecord()
    for microseconds in 1...10_000 { record.record(UInt64(microseconds) * 1_000) }
    let summary = try #require(record.summary)
    #expect(summary.count == 10_000)
    for (figure, exact) in [
      (summary.mean, 5_000.5), (summary.p50, 5_000), (summary.p90, 9_000), (summary.p99, 9_900), (summary.p999, 9_990),
      (summary.max, 10_000),
    ] { #expect(abs(figure / exact - 1) < 0.001, "\(figure) is not \(exact)") }
  }

  @Test("what several threads recorded adds up")
  func sum() {
    var (left, right, both) = (LatencyRecord(), LatencyRecord(), LatencyRecord())
    for value in stride(from: 1_000, to: 900_000, by: 7_001) as StrideTo<UInt64> {
      if value % 2 == 0 { left.record(value) } else { right.record(value) }
      both.record(value)
    }
    left.add(right)
    #expect(left.summary == both.summary)
  }

  @Test("nothing recorded is no figure; longer than ten minutes counts as ten minutes")
  func extremes() throws {
    var record = LatencyRecord()
    #expect(record.summary == nil)
    record.record(.max)
    #expect(abs(try #require(record.summary).max / 600e6 - 1) < 0.001)
  }

  @Test("a send is late from one millisecond on")
  func lateness() {
    var lateness = SendLateness()
    let due = MonotonicTime(nanoseconds: 5_000_000)
    lateness.sent(at: due, due: due)
    lateness.sent(at: due.advanced(by: .milliseconds(1)), due: due)
    lateness.sent(at: due.advanced(by: .nanoseconds(1_000_001)), due: due)
    #expect(lateness.late == 1)
    #expect(lateness.record.count == 3)
  }
}

@Suite struct TallyTests {
  @Test("troubles are counted by kind and code, with the first message of each")
  func counting() {
    var tally = Tally()
    tally.count(.reply, "rate_limited", "first")
    tally.count(.close, "rate_limited", "another kind")
    tally.count(.reply, "rate_limited", "second")
    tally.count(.timeout, "no_reply", "none of it", times: 0)
    #expect(tally.entries.map(\.count) == [2, 1])
    #expect(tally.entries.map(\.message) == ["first", "another kind"])
    #expect(tally.total == 3)
  }

  @Test("a server that invents codes cannot make the tally grow for ever")
  func limit() {
    var tally = Tally()
    for code in 0..<1_000 { tally.count(.reply, "code \(code)") }
    #expect(tally.entries.count == Tally.entriesMax + 1)
    #expect(tally.entries.last?.code == "other")
    #expect(tally.total == 1_000)
  }

  @Test("the tallies of several threads add up")
  func sum() {
    var (left, right) = (Tally(), Tally())
    left.count(.reply, "a", "left")
    right.count(.reply, "a", "right", times: 2)
    right.count(.close, "b")
    left.add(right)
    #expect(left.entries.map(\.description) == ["reply a: left", "close b"])
    #expect(left.entries.map(\.count) == [3, 1])
  }
}

@Suite struct ServerProcessTests {
  @Test("a program's name may hold spaces and parentheses; the times are counted from behind it")
  func stat() throws {
    let line = "123 (mus) ter) R) S 1 123 123 0 -1 4194560 100 0 0 0 30 10 0 0 20 0 5 0 100 1000 200"
    #expect(try #require(ServerProcess.ticks(stat: line)) == (30, 10))
    #expect(ServerProcess.ticks(stat: "123 (muster) S 1") == nil)
    #expect(ServerProcess.ticks(stat: "") == nil)
  }

  @Test("values are taken from their own lines, not from those whose names begin alike")
  func lines() {
    let text = "VmRSSPeak:\t    9 kB\nVmRSS:\t    1234 kB\nPrivate_Dirty:        56 kB\nCpus_allowed_list:\t0-1\n"
    #expect(ServerProcess.kilobytes("VmRSS", in: text) == 1_234)
    #expect(ServerProcess.kilobytes("Private_Dirty", in: text) == 56)
    #expect(ServerProcess.kilobytes("Private_Clean", in: text) == nil)
    #expect(ServerProcess.value("Cpus_allowed_list", in: text) == "0-1")
  }

  @Test("a process that is not there is named")
  func missing() {
    // Linux gives no process a number above 4,194,304.
    #expect(throws: LoadError.process("there is no process 5000000")) { try ServerProcess(pid: 5_000_000) }
    #expect(throws: LoadError.process("there is no process 0")) { try ServerProcess(pid: 0) }
  }

  @Test("this process uses CPU and memory, and more of the one after working")
  func sample() throws {
    let own = try ServerProcess(pid: getpid())
    let before = try #require(own.sample())
    #expect(before.residentBytes > 1 << 20)
    #expect(before.privateBytes.map { (1...before.residentBytes).contains($0) } ?? true)
    var sum: UInt64 = 0
    while ServerProcess.ownCPUNanoseconds() < before.cpuNanoseconds + 1_000_000 { sum &+= 1 }
    #expect(try #require(own.sample()).cpuNanoseconds > before.cpuNanoseconds)
  }

  @Test("the model of the processor is taken from the first that is listed")
  func processor() {
    let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.50GHz\n\nprocessor\t: 1\nmodel name\t: Other\n"
    #expect(HostFacts.processor(in: text) == "Some CPU @ 2.50GHz")
    #expect(HostFacts.processor(in: "") == nil)
  }
}
