import Glibc
import MusterBench
import Testing

/// The floor program as a server of another dialect, built and started as a comparison does it.
@Suite(.serialized, .enabled(if: ChildProcess.path(of: "cc") != nil, "there is no C compiler"))
struct FloorTests {
  private static let benchmarks: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/") + "/Benchmarks"
  }()

  private var tools: PeerTools { PeerTools(benchmarks: Self.benchmarks, muster: "/nowhere") }

  private func settings(_ server: borrowing PeerServer, _ url: String) -> LoadSettings {
    var settings = LoadSettings()
    settings.url = url
    settings.dialect = server.dialect
    settings.connections = 8
    settings.connectsPerSecond = nil
    settings.settling = .milliseconds(20)
    settings.serverPID = server.pid
    return settings
  }

  @Test("heartbeats with and without reply, and a storm: the same phases drive a server that is not Muster", arguments: [1, 2])
  func suite(threads: Int) throws {
    let server = try PeerServer(.floor, tools: tools, processor: nil)
    var settings = settings(server, server.beatURL)
    settings.threads = threads
    let report = try CompositeLoad(
      settings: settings, interval: .milliseconds(10), warmUp: .milliseconds(20), duration: .milliseconds(100), storms: true
    ).run()
    #expect(report.isClean, "\(report.troubles)")
    #expect(report.figure("beat", "replies") == 80)
    #expect(report.figure("silent", "sent") == 80)
    #expect(report.latency("silent", "fence_us")?.count == 8)
    #expect(report.figure("storm", "dropped") == 8)
    #expect(report.figure("storm", "back") == 8)
    #expect(report.latency("storm", "latency_us")?.count == 8)
  }

  @Test("every change reaches every observer of the floor program, in one frame each")
  func fanout() throws {
    let server = try PeerServer(.floor, tools: tools, processor: nil)
    let report = try FanoutLoad(
      settings: settings(server, server.channelURL), observers: 5, actors: 2, perSecond: 100, channel: "bench:t",
      warmUp: .milliseconds(20), duration: .milliseconds(200)
    ).run()
    #expect(report.isClean, "\(report.troubles)")
    #expect(report.figure("fanout", "deliveries") == 100)
    #expect(report.figure("fanout", "frames") == 100)
  }

  @Test("in a closed loop nothing of the pipeline is lost")
  func pipelined() throws {
    let server = try PeerServer(.floor, tools: tools, processor: nil)
    let report = try BeatLoad(
      settings: settings(server, server.beatURL), mode: .pipelined(depth: 16), warmUp: .milliseconds(20),
      duration: .milliseconds(100)
    ).run()
    #expect(report.isClean, "\(report.troubles)")
    #expect(try #require(report.figure("beat", "replies")) > 0)
  }

  @Test("a server that was started ends with the value, and its directory with it")
  func ends() throws {
    var pid: Int32 = 0
    do {
      let server = try PeerServer(.floor, tools: tools, processor: nil)
      pid = server.pid
      #expect(kill(pid, 0) == 0)
    }
    #expect(kill(pid, 0) == -1)
  }
}

@Suite struct ChildProcessTests {
  @Test("lines are taken one by one; behind the last there is an error, not an empty line")
  func lines() throws {
    let child = try ChildProcess(.init(["sh", "-c", "echo ready here; echo more"]))
    #expect(try child.waitForLine(beginning: "ready ", within: .seconds(5)) == "here")
    #expect(try child.waitForLine(beginning: "more", within: .seconds(5)) == "")
    #expect(throws: LoadError.self) { try child.waitForLine(beginning: "x", within: .seconds(5)) }
    // Its output ends an instant before the process does.
    for _ in 0..<1_000_000 where child.isRunning { sched_yield() }
    #expect(!child.isRunning)
  }

  @Test("what is sent to a child it reads, and one that ignores SIGTERM is ended nevertheless")
  func conversation() throws {
    var plan = ChildProcess.Plan(["sh", "-c", "trap '' TERM; read line; echo got $line; while :; do sleep 1; done"])
    plan.hasInput = true
    let child = try ChildProcess(plan)
    try child.send(line: "hello")
    #expect(try child.waitForLine(beginning: "got ", within: .seconds(5)) == "hello")
    child.stop()
    #expect(kill(child.pid, 0) == -1)
  }

  @Test("a program that is not there is named; variables of the plan stand before those of this process")
  func plan() throws {
    #expect(throws: LoadError.process("there is no program 'no-such-program'")) { try ChildProcess(.init(["no-such-program"])) }
    var plan = ChildProcess.Plan(["sh", "-c", "echo $HOME"])
    plan.environment = ["HOME": "/elsewhere"]
    #expect(try ChildProcess(plan).waitForLine(beginning: "/", within: .seconds(5)) == "elsewhere")
    #expect(ChildProcess.output(of: ["sh", "-c", "echo a; echo b >&2"]) == ["a", "b"])
  }

  @Test("a temporary directory goes with everything in it")
  func directory() throws {
    var path = ""
    do {
      let directory = try TemporaryDirectory()
      path = directory.path
      OutputFile.makeDirectory("\(path)/a/b")
      try directory.write("x", to: "a/b/c.txt")
      #expect(access("\(path)/a/b/c.txt", R_OK) == 0)
    }
    #expect(access(path, F_OK) == -1)
  }
}
