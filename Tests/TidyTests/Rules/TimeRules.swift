extension Rule {
  static let clocks = Rule(
    name: "clocks",
    sentence: "Time is read by the clock alone; everybody else is told",
    bad: [
      Sample("let a = Date()"), Sample("let a = Date.now"), Sample("let a = ContinuousClock().now"),
      Sample("let a = clock_gettime(CLOCK_MONOTONIC, &b)"), Sample("let a = NIODeadline.now()"),
      Sample(in: "Sources/MusterGateway/Sample.swift", "let a = DispatchTime.now()"),
    ],
    good: [
      Sample("func fire(at now: Tick) {}\nlet a = moment.now"), Sample("// Date() is refused.\nlet text = \"Date()\""),
      Sample(in: "Tests/MusterWireTests/Sample.swift", "let a = ContinuousClock().now"),
    ]
  ) { file in
    guard file.area == "Sources" else { return [] }
    let clocks: Set = [
      "ContinuousClock", "SuspendingClock", "clock_gettime", "gettimeofday", "DispatchTime", "DispatchWallTime",
    ]
    return file.findings { index in
      if clocks.contains(file.word(index)) { return "\(file.word(index)) outside of the clock" }
      let calls = [["Date", "(", ")"], ["Date", ".", "now"], ["NIODeadline", ".", "now"]]
      return calls.first { file.has($0, at: index) }.map { "\($0.joined()) outside of the clock" }
    }
  }

  static let sleeps = Rule(
    name: "sleeps",
    sentence: "No test sleeps: time is a manual clock, and what another process does is waited for with a deadline",
    bad: [
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "try await Task.sleep(for: .seconds(1))"),
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "usleep(1000)"),
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "Thread.sleep(forTimeInterval: 1)"),
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "poll(nil, 0, 100)"),
      Sample(in: "Sources/MusterTestKit/Sample.swift", "nanosleep(&a, nil)"),
    ],
    good: [
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "// sleep(1)\nlet sleeper = \"sleep(1)\"\npoll(&a, 1, 100)"),
      Sample(in: "Sources/MusterBench/Sample.swift", "usleep(1000)"),
    ]
  ) { file in
    guard file.isTest else { return [] }
    let sleeps: Set = ["sleep", "usleep", "nanosleep", "clock_nanosleep"]
    return file.findings { index in
      if sleeps.contains(file.word(index)), file.word(index + 1) == "(" { return "\(file.word(index)) in a test" }
      return file.has(["poll", "(", "nil"], at: index) ? "poll of nothing is a sleep" : nil
    }
  }

  static let shards = Rule(
    name: "shards",
    sentence: "No method of a shard is async, so that nothing comes in between within a turn",
    bad: [
      Sample("package actor SessionShard {\n  func turn() async {}\n}"),
      Sample("extension ChannelShard {\n  func put(\n    _ a: Int\n  ) async throws -> Int { 1 }\n}"),
      Sample("actor ConnectionShard {\n  var rows: Int { get async { 1 } }\n}"),
    ],
    good: [
      Sample("actor SessionShard {\n  func turn() {}\n  func call(_ a: () async -> Void) {}\n}"),
      Sample("final class PresenceEngine {\n  func stats() async {}\n}"),
    ]
  ) { file in
    file.declarations.filter { declaration in
      let isShard = declaration.parent?.hasSuffix("Shard") == true
      let isAsync = declaration.isAsync || declaration.kind == .property && file.hasAsyncGetter(declaration)
      return isShard && isAsync
    }.map { file.finding($0.lines.lowerBound, "\($0.signature) of \($0.parent ?? "") is async", subject: $0.signature) }
  }

  static let states = Rule(
    name: "states",
    sentence: "What holds state is a value: no clock, no lock, no await and no task in its files",
    bad: [
      Sample(in: "Sources/MusterEngine/Session/SessionState.swift", "struct SessionState {\n  let lock = Mutex(0)\n}"),
      Sample(in: "Sources/MusterEngine/Session/SessionState+Apply.swift", "func a() { Task { b() } }"),
      Sample(in: "Sources/MusterEngine/Channel/ChannelTable.swift", "let a = await b()"),
      Sample(in: "Sources/MusterEngine/Wheel/TimingWheel.swift", "let clock: any EngineClock"),
    ],
    good: [
      Sample(in: "Sources/MusterEngine/Session/SessionState.swift", "// No Mutex.\nfunc fire(at now: Tick) {}"),
      Sample(in: "Sources/MusterEngine/Session/SessionShard.swift", "let lock = Mutex(0)"),
    ]
  ) { file in
    let stem = file.name.prefix { $0 != "." && $0 != "+" }
    let holdsState = ["State", "Table", "Tables", "Rows", "Wheel"].contains { stem.hasSuffix($0) }
    guard file.target == "MusterEngine", holdsState else { return [] }
    let forbidden: Set = ["Mutex", "Atomic", "Task", "await", "async", "EngineClock", "ContinuousClock", "SuspendingClock"]
    return file.findings { index in
      forbidden.contains(file.word(index)) ? "\(file.word(index)) in a file of state" : nil
    }
  }
}

extension SourceFile {
  fileprivate func hasAsyncGetter(_ property: Declaration) -> Bool {
    tokens.indices.contains { index in
      property.lines.contains(tokens[index].line) && has(["get", "async"], at: index)
    }
  }
}
