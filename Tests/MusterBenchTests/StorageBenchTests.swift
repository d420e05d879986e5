import MusterBench
import MusterEngine
import MusterJSON
import MusterModel
import Testing

@Suite struct FigureTableTests {
  private let table: FigureTable = {
    var table = FigureTable([
      .init("seconds", "how long", unit: "s", digits: 2), .init("bytes", "how much", unit: "bytes"),
      .init("never", "not measured", unit: "s"),
    ])
    for value in [3.0, 1, 2] { table.add(value, "seconds", of: .init(key: "a", title: "A")) }
    table.add(4, "seconds", of: .init(key: "b", title: "B"))
    table.add(10, "bytes", of: .init(key: "b", title: "B"))
    table.add(nil, "bytes", of: .init(key: "c", title: "C"))
    table.add(.infinity, "bytes", of: .init(key: "c", title: "C"))
    return table
  }()

  @Test("rows may be figures or subjects; a figure without values has no row, a subject without any is not there")
  func markdown() {
    #expect(
      table.markdown(rows: .figures)
        == """
        |  | unit | A | B |
        | --- | --- | ---: | ---: |
        | how long | s | 2.00 (1.00 to 3.00) | 4.00 |
        | how much | bytes | – | 10 |

        """)
    #expect(table.markdown(rows: .subjects, corner: "who").contains("| who | how long, s | how much, bytes | not measured, s |"))
    #expect(table.markdown(rows: .subjects).contains("| A | 2.00 (1.00 to 3.00) | – | – |"))
  }

  @Test("a ratio is that of two medians; without one of them there is none")
  func ratio() {
    let (a, b) = (FigureTable.Subject(key: "a", title: "A"), FigureTable.Subject(key: "b", title: "B"))
    #expect(table.ratio("seconds", of: b, to: a) == 2)
    #expect(table.ratio("bytes", of: b, to: a) == nil)
  }

  @Test("the JSON is sound and has every raw value in the order of the rounds")
  func json() throws {
    var writer = JSONWriter()
    table.write(into: &writer)
    try expectSound(writer.copyBytes())
    #expect(String(decoding: writer.copyBytes(), as: UTF8.self).contains(#""values":[3.0000,1.0000,2.0000]"#))
  }
}

/// Reads a text as JSON.
private func expectSound(_ text: [UInt8]) throws {
  try text.withUnsafeBytes { bytes in
    var reader = JSONReader(bytes)
    try reader.skipValue()
    try reader.finish()
  }
}

@Suite struct FileSystemFactsTests {
  private static let mounts = """
    /dev/vda / ext4 rw,relatime 0 0
    tmpfs /tmp tmpfs rw 0 0
    /dev/vdb /tmp/disk xfs rw 0 0
    /dev/vdc /data ext4 rw 0 0
    tmpfs /data tmpfs rw 0 0
    """

  @Test(
    "a path lies on the mount with the longest place above it, of two in one place on the later",
    arguments: [
      ("/", "ext4", "/dev/vda"), ("/home/x", "ext4", "/dev/vda"), ("/tmp", "tmpfs", "tmpfs"), ("/tmp/a", "tmpfs", "tmpfs"),
      ("/tmpfile", "ext4", "/dev/vda"), ("/tmp/disk/a", "xfs", "/dev/vdb"), ("/data/a", "tmpfs", "tmpfs"),
    ])
  func mount(path: String, kind: String, device: String) throws {
    let facts = try #require(FileSystemFacts.of(path, mounts: Self.mounts))
    #expect(facts == FileSystemFacts(kind: kind, device: device))
    #expect(facts.isInMemory == (kind == "tmpfs"))
  }

  @Test("the directory of this process is found, and one that is not there is said to be unknown")
  func here() {
    #expect(FileSystemFacts.of("/").kind != "unknown")
    #expect(FileSystemFacts.of("/no/such/place").kind == "unknown")
  }
}

@Suite struct SampleSessionsTests {
  @Test("every number stands for another user, whose session it names, and data is as long as asked for")
  func distinct() throws {
    var users: Set<UserID> = []
    for dataBytes in [0, 2, 8, 40, 100, 500] {
      let sessions = SampleSessions(count: 2_000, dataBytes: dataBytes)
      for number in 0..<2_000 {
        if dataBytes == 0 { users.insert(sessions.user(number)) }
        let session = sessions.session(number)
        #expect(session.placement == sessions.user(number).placement)
        let grant = sessions.grant(number, at: WallTime(milliseconds: 1_000), EngineConfiguration())
        #expect(grant.session == session && grant.user == sessions.user(number))
        guard let data = sessions.data(number) else {
          #expect(dataBytes == 0)
          continue
        }
        #expect(data.json.count == dataBytes)
        if number < 50 { try expectSound(data.json) }
      }
    }
    #expect(users.count == 2_000)
  }

  @Test("a later version of the data differs, and the same version is the same in every process")
  func versions() {
    let sessions = SampleSessions(count: 10, dataBytes: 100)
    #expect(sessions.data(3, version: 1) != sessions.data(3, version: 2))
    #expect(sessions.data(3) == SampleSessions(count: 10, dataBytes: 100).data(3))
    #expect(sessions.user(0).text == "user-271828183")
  }
}

@Suite struct RecoverLoadTests {
  private let facts = RunFacts(
    title: "T", command: "muster bench recover", commit: "abc", date: "2026-01-02T03:04:05Z",
    host: [.init("cores", "cores", .integer(2))])

  @Test("a small run replays, captures under load and recovers, with every figure that Muster has", arguments: [0, 100])
  func small(dataBytes: Int) async throws {
    var plan = RecoverLoad.Plan()
    plan.sizes = [2_000]
    plan.dataBytes = dataBytes
    plan.rounds = 2
    plan.changesPerSecond = 200
    let result = try await RecoverLoad(plan: plan) { _ in }.run()
    #expect(result.troubles.isEmpty)
    let subject = RecoverResult.muster(2_000)
    for key in [
      "snapshot_seconds", "longest_pause_us", "file_mib", "recovery_seconds", "recovered_per_cpu_second", "replay_seconds",
      "log_mib", "last_snapshot_seconds", "captured_per_cpu_second",
    ] { #expect(try #require(result.table.spread(key, of: subject), "\(key)").median > 0, "\(key)") }
    #expect(result.table.spread("recovery_seconds", of: subject)?.count == 2)
    #expect(result.markdown(facts).contains("| recovery from the snapshot | s |"))
    try expectSound(Array(result.json(facts).utf8))
  }

  @Test(
    "Redis with as many keys is measured alike, and all keys come back from both of its files",
    .enabled(if: ChildProcess.path(of: "redis-server") != nil, "there is no Redis"))
  func redis() async throws {
    var plan = RecoverLoad.Plan()
    plan.sizes = [500]
    plan.rounds = 1
    plan.comparesRedis = true
    let result = try await RecoverLoad(plan: plan) { _ in }.run()
    #expect(result.troubles.isEmpty && result.notes.isEmpty)
    for key in ["snapshot_seconds", "longest_pause_us", "file_mib", "recovery_seconds", "replay_seconds", "log_mib"] {
      #expect(try #require(result.table.spread(key, of: RecoverResult.redis(500)), "\(key)").median > 0, "\(key)")
    }
  }

  @Test("budgets are held against the largest size, and that of ten million against ten million alone")
  func budgets() {
    var result = RecoverResult(fileSystem: .init(kind: "ext4", device: "/dev/vda"), dataBytes: 100)
    result.table.add(900, "longest_pause_us", of: RecoverResult.muster(1_000_000))
    #expect(result.budgets.count == 5 && result.budgets[0].isKept == true && result.budgets[2].isKept == nil)
    result.table.add(1_001, "longest_pause_us", of: RecoverResult.muster(10_000_000))
    result.table.add(1.9, "recovery_seconds", of: RecoverResult.muster(10_000_000))
    #expect(result.budgets[0].isKept == false && result.budgets.last?.isKept == true)
    let page = result.markdown(facts)
    #expect(page.contains("**no**") && page.contains("not measured") && page.contains("ext4 on /dev/vda"))
  }

  @Test("there is a plot of what was measured at several sizes, and none of what was not")
  func plots() {
    var result = RecoverResult(fileSystem: .init(kind: "ext4", device: "/dev/vda"), dataBytes: 100)
    result.table.add(1, "recovery_seconds", of: RecoverResult.muster(1_000_000))
    #expect(result.plots().isEmpty)
    result.table.add(9, "recovery_seconds", of: RecoverResult.muster(10_000_000))
    result.table.add(90, "recovery_seconds", of: RecoverResult.redis(10_000_000))
    #expect(result.plots().map(\.name) == ["recovery"])
    #expect(result.plots()[0].svg.contains("Redis"))
  }

  @Test("sizes, rates and rounds have bounds")
  func bounds() {
    for change in [
      { $0.sizes = [] }, { $0.sizes = [99] }, { $0.rounds = 0 }, { $0.planes = 65 }, { $0.dataBytes = -1 }, { $0.level = 20 },
    ] as [(inout RecoverLoad.Plan) -> Void] {
      var plan = RecoverLoad.Plan()
      change(&plan)
      #expect(throws: LoadError.self) { try plan.validate() }
    }
  }
}

@Suite struct LogComparisonTests {
  private let facts = RunFacts(title: "T", command: "muster bench log", commit: "abc", date: "2026-01-02T03:04:05Z", host: [])

  private func report(perSecond: Double, cpu: Double) -> Report {
    let latency = LatencySummary(count: 1, mean: 1, p50: 2, p90: 3, p99: 4, p999: 5, max: 6)
    return Report(
      command: "change", date: "", host: [], parameters: [],
      sections: [
        .init(
          "change", "",
          [
            .init("achieved_per_second", "", .decimal(perSecond, digits: 1)),
            .init("server_cpu_us_per_change", "", .decimal(cpu, digits: 2)),
            .init("server_cpu_percent", "", .decimal(50, digits: 1)), .init("latency_us", "", .latency(latency)),
          ])
      ])
  }

  @Test("the budget is a ratio of changes per CPU second at 64 clients")
  func budget() throws {
    var result = LogResult(fileSystem: .init(kind: "ext4", device: "/dev/vda"))
    result.add(report(perSecond: 9_000, cpu: 5), LogResult.subject(.muster, .commit, clients: 64))
    #expect(result.budgets[0].isKept == nil)
    result.add(report(perSecond: 3_000, cpu: 50), LogResult.subject(.redis, .commit, clients: 64))
    result.add(report(perSecond: 1, cpu: 1), LogResult.subject(.redis, .commit, clients: 1))
    #expect(result.budgets[0].isKept == true && result.budgets[0].measured == "10 ×")
    #expect(result.budgets[1].measured == "3 ×")
    let page = result.markdown(facts)
    #expect(page.contains("| Muster, commit, 64 clients | 9000 | 2 | 4 | 5.0 | 50 | 200000 |"))
    #expect(page.contains("| Redis, appendfsync always, 1 client |"))
    try expectSound(Array(result.json(facts).utf8))
    #expect(result.plots().map(\.name) == ["throughput", "cpu"])
  }

  @Test(
    "a closed loop of changes ends with each of them answered",
    .enabled(if: ChildProcess.path(of: "redis-server") != nil, "there is no Redis"))
  func loop() throws {
    let tools = PeerTools(benchmarks: "", muster: "/nowhere")
    let server = try PeerServer(.redis, tools: tools, processor: nil, arguments: ["--appendonly", "yes"])
    var settings = LoadSettings()
    settings.url = server.channelURL
    settings.dialect = .redis
    settings.connections = 5
    settings.threads = 2
    settings.connectsPerSecond = nil
    settings.settling = .milliseconds(10)
    settings.serverPID = server.pid
    let report = try ChangeLoad(settings: settings, warmUp: .milliseconds(20), duration: .milliseconds(100)).run()
    #expect(report.isClean, "\(report.troubles)")
    #expect(try #require(report.figure("change", "replies")) > 0)
    #expect(try #require(report.latency("change", "latency_us")).count > 0)
  }

  @Test("a server without anything to keep is refused, and so is a directory in memory")
  func refusals() {
    var settings = LoadSettings()
    settings.dialect = .echo
    #expect(throws: LoadError.self) {
      try ChangeLoad(settings: settings, warmUp: .zero, duration: .milliseconds(10)).check()
    }
    var plan = LogComparison.Plan()
    plan.directory = "/dev/shm"
    if FileSystemFacts.of("/dev/shm").isInMemory {
      #expect(throws: LoadError.self) {
        try LogComparison(
          plan: plan, tools: PeerTools(benchmarks: "", muster: "/bin/true"), processors: Processors(), tell: { _ in }
        ).run()
      }
    }
  }
}

@Suite struct LastingChangeTests {
  private func composed(_ dialect: Dialect, id: Int) -> String {
    var writer = JSONWriter()
    dialect.compose(.lasting(id: id, Array("bench:x".utf8)), number: 7, into: &writer)
    return String(decoding: writer.buffer.copyBytes(), as: UTF8.self)
  }

  @Test("a lasting change joins and leaves in turn, or sets a key; others have no words for it")
  func compose() {
    #expect(composed(.muster, id: 4) == #"{"op":"join","id":4,"channel":"bench:x","list":0}"#)
    #expect(composed(.muster, id: 5) == #"{"op":"leave","id":5,"channel":"bench:x"}"#)
    #expect(composed(.redis, id: 1).hasPrefix("*5\r\n$3\r\nSET\r\n$7\r\nbench-7\r\n$100\r\n"))
    for dialect in Dialect.allCases where !dialect.hasLastingChange { #expect(composed(dialect, id: 1).isEmpty) }
  }
}
