import Glibc
import MusterModel
import MusterThreads
import Synchronization

/// Redis with as many keys as Muster has sessions: its snapshot, and what it takes to come back.
struct RedisRecovery {
  private static let pipelined = 512
  private static let patience: Duration = .seconds(600)

  let plan: RecoverLoad.Plan
  let tell: @Sendable (String) -> Void

  /// Measures one number of keys, or notes why not.
  func measure(_ keys: Int, into result: inout RecoverResult) throws(LoadError) {
    let tools = PeerTools(benchmarks: "", muster: "")
    if let reason = tools.reasonWithout(.redis) {
      if !result.notes.contains(reason) { result.notes.append(reason) }
      return tell("Redis is left out: \(reason)")
    }
    result.redisVersion = tools.version(of: .redis)
    let subject = RecoverResult.redis(keys)
    let directory = try TemporaryDirectory(in: plan.directory)
    try snapshot(keys, directory.path, subject, &result)
    for round in 1...plan.rounds where !StopSignal.isRaised {
      tell("\(subject.title): coming back, round \(round) of \(plan.rounds)")
      try start(directory.path, appends: false, keys, ("recovery_seconds", "recovery_cpu_seconds"), subject, &result)
    }
    if !StopSignal.isRaised {
      tell("\(subject.title): coming back from the append-only file")
      try start(directory.path, appends: true, keys, ("replay_seconds", nil), subject, &result)
      let seconds = result.table.spread("replay_seconds", of: subject)?.median
      result.table.add(seconds.map { Double(keys) / $0 }, "replay_records_per_second", of: subject)
    }
  }

  /// Fills it and makes a snapshot while keys change and somebody pings.
  private func snapshot(
    _ keys: Int, _ path: String, _ subject: FigureTable.Subject, _ result: inout RecoverResult
  ) throws(LoadError) {
    let port = try FreePort.find()
    let child = try ChildProcess(command(port: port, path, appends: true))
    try wait(for: port, child)
    var client = try RedisClient(port: port)
    tell("\(subject.title): filling it")
    try fill(&client, keys)
    let process = try ServerProcess(pid: child.pid)
    if let resident = process.sample()?.residentBytes {
      result.table.add(Double(resident) / Double(keys), "recovered_bytes", of: subject)
    }
    tell("\(subject.title): a snapshot under load")
    let pings = RedisPings(port: port, perSecond: plan.changesPerSecond, keys: keys, dataBytes: plan.dataBytes)
    let began = MonotonicTime.now()
    let childBefore = try childCPU(&client)
    try pings.run { () throws(LoadError) in
      _ = try client.ask("BGSAVE")
      let deadline = began.advanced(by: Self.patience)
      while try client.info("persistence", "rdb_bgsave_in_progress") != 0, MonotonicTime.now() < deadline, !StopSignal.isRaised {
        usleep(20_000)
      }
    }
    let seconds = MonotonicTime.now().seconds(since: began)
    let cpu = try childCPU(&client) - childBefore
    result.table.add(seconds, "snapshot_seconds", of: subject)
    result.table.add(cpu, "snapshot_cpu_seconds", of: subject)
    result.table.add(cpu > 0 ? Double(keys) / cpu : nil, "snapshot_per_cpu_second", of: subject)
    result.table.add(try client.info("stats", "latest_fork_usec"), "longest_pause_us", of: subject)
    let latency = pings.latency
    result.table.add(latency?.p99, "change_p99_us", of: subject)
    result.table.add(latency?.max, "change_max_us", of: subject)
    result.table.add(
      try client.info("persistence", "rdb_last_cow_size").map { $0 / 1_048_576 }, "snapshot_extra_mib", of: subject)
    result.table.add(FileSize.of("\(path)/dump.rdb").map { Double($0) / 1_048_576 }, "file_mib", of: subject)
    result.table.add(FileSize.sum(below: "\(path)/appendonlydir").map { Double($0) / 1_048_576 }, "log_mib", of: subject)
    // It closes the connection instead of answering.
    _ = try? client.ask("SHUTDOWN", "NOSAVE")
  }

  /// Starts it on what is there and waits until it has loaded all of it.
  private func start(
    _ path: String, appends: Bool, _ keys: Int, _ figures: (seconds: String, cpu: String?), _ subject: FigureTable.Subject,
    _ result: inout RecoverResult
  ) throws(LoadError) {
    let port = try FreePort.find()
    let began = MonotonicTime.now()
    let child = try ChildProcess(command(port: port, path, appends: appends))
    try wait(for: port, child)
    var client = try RedisClient(port: port)
    let deadline = began.advanced(by: Self.patience)
    while try client.info("persistence", "loading") != 0 {
      guard MonotonicTime.now() < deadline, !StopSignal.isRaised else { throw .process("Redis did not load in time") }
      usleep(5_000)
    }
    let seconds = MonotonicTime.now().seconds(since: began)
    let cpu = try ServerProcess(pid: child.pid).sample().map { Double($0.cpuNanoseconds) / 1e9 }
    let found = try client.ask("DBSIZE")
    guard found == ":\(keys)" else { throw .process("\(found.dropFirst()) of \(keys) keys came back") }
    result.table.add(seconds, figures.seconds, of: subject)
    if let key = figures.cpu {
      result.table.add(cpu, key, of: subject)
      result.table.add(cpu.map { Double(keys) / $0 }, "recovered_per_cpu_second", of: subject)
    }
    _ = try? client.ask("SHUTDOWN", "NOSAVE")
  }

  private func command(port: UInt16, _ path: String, appends: Bool) -> ChildProcess.Plan {
    .init([
      "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", path, "--appendonly",
      appends ? "yes" : "no", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0", "--loglevel", "warning",
    ])
  }

  private func wait(for port: UInt16, _ child: ChildProcess) throws(LoadError) {
    let deadline = MonotonicTime.now().advanced(by: .seconds(10))
    while !FreePort.isTaken(port) {
      guard MonotonicTime.now() < deadline, child.isRunning, !StopSignal.isRaised else {
        throw .process("Redis does not listen on port \(port)")
      }
      usleep(1_000)
    }
  }

  private func fill(_ client: inout RedisClient, _ keys: Int) throws(LoadError) {
    let sessions = SampleSessions(count: keys, dataBytes: plan.dataBytes)
    var number = 0
    while number < keys, !StopSignal.isRaised {
      var commands: [UInt8] = []
      let end = min(keys, number + Self.pipelined)
      let count = end - number
      while number < end {
        commands += Self.set(number, version: 1, sessions)
        number += 1
      }
      try client.pipeline(commands, count: count)
    }
  }

  /// What Redis keeps of a session: its user as the key, its data as the value, and when it ends.
  static func set(_ number: Int, version: UInt64, _ sessions: SampleSessions) -> [UInt8] {
    let data = sessions.data(number, version: version)?.json ?? []
    return RESP.command(["SET", sessions.user(number).text, String(decoding: data, as: UTF8.self), "EX", "86400"])
  }

  /// The CPU of children that have ended, in seconds.
  private func childCPU(_ client: inout RedisClient) throws(LoadError) -> Double {
    (try client.info("cpu", "used_cpu_user_children") ?? 0) + (try client.info("cpu", "used_cpu_sys_children") ?? 0)
  }
}

/// A second client of Redis: changes keys at a bounded rate and notes how long each takes.
final class RedisPings: Sendable {
  private let port: UInt16
  private let perSecond: Int
  private let sessions: SampleSessions
  private let isOver = Atomic<Bool>(false)
  private let record = Mutex(LatencyRecord())

  init(port: UInt16, perSecond: Int, keys: Int, dataBytes: Int) {
    self.port = port
    self.perSecond = max(1, perSecond)
    sessions = SampleSessions(count: keys, dataBytes: dataBytes)
  }

  /// What changes took.
  var latency: LatencySummary? { record.withLock { $0.summary } }

  /// Goes on for as long as `body` runs, which it runs on this thread.
  func run(_ body: () throws(LoadError) -> Void) throws(LoadError) {
    let thread = try SystemThread.started { self.change() }
    defer {
      isOver.store(true, ordering: .releasing)
      thread.join()
    }
    try body()
  }

  private func change() {
    guard var client = try? RedisClient(port: port) else { return }
    let began = MonotonicTime.now()
    var done = 0
    while !isOver.load(ordering: .acquiring) {
      let due = Int(MonotonicTime.now().seconds(since: began) * Double(perSecond))
      for _ in 0..<min(max(0, due - done), max(1, perSecond / 10)) {
        done += 1
        let command = RedisRecovery.set(done &* 7_919 % sessions.count, version: UInt64(done), sessions)
        let sent = MonotonicTime.now()
        guard (try? client.pipeline(command, count: 1)) != nil else { return }
        let took = MonotonicTime.now().nanoseconds(since: sent)
        record.withLock { $0.record(took) }
      }
      done = max(done, due)
      usleep(1_000)
    }
  }
}

/// How long files are.
enum FileSize {
  /// The bytes of a file; `nil` when there is none.
  static func of(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : nil
  }

  /// The bytes of all files that lie in a directory itself; `nil` when there is none.
  static func sum(below path: String) -> Int? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var sum = 0
    while let entry = readdir(directory) {
      // SAFETY: the name ends with a zero byte inside the entry, which is valid until the next call.
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { sum += of("\(path)/\(name)") ?? 0 }
    }
    return sum
  }
}
