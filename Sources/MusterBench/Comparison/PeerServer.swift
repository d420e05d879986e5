import Glibc

/// A server while it is measured: a child on a free port of the loopback, with a directory of its own.
///
/// ### Ownership
/// Ends the child and removes the directory, at the latest with its own end.
package struct PeerServer: ~Copyable {
  /// So long a server may take until it listens.
  private static let patience: Duration = .seconds(10)

  private let child: ChildProcess
  private let directory: TemporaryDirectory
  package let dialect: Dialect
  /// Where heartbeats go.
  package let beatURL: String
  /// Where changes are made and observed.
  package let channelURL: String

  package var pid: Int32 { child.pid }

  /// Starts a server and waits until it listens.
  ///
  /// - Parameters:
  ///   - peer: Which.
  ///   - tools: What there is to start it with.
  ///   - processor: The only processor it may run on; `nil` for any.
  ///   - threads: How many threads of its own it uses for connections, where it can be told.
  ///   - arguments: What it is told besides.
  ///   - parent: Where its directory is made.
  /// - Throws: ``LoadError`` when it does not start; with the end of its log where it wrote one.
  package init(
    _ peer: Peer, tools: PeerTools, processor: Int?, threads: Int = 1, arguments: [String] = [], in parent: String = "/tmp"
  ) throws(LoadError) {
    let directory = try TemporaryDirectory(in: parent)
    let ports = (try FreePort.find(), try FreePort.find())
    var plan = try Self.plan(peer, tools, directory, ports, threads: threads)
    plan.command += arguments
    plan.processor = processor
    plan.log = "\(directory.path)/log.txt"
    let child = try ChildProcess(plan)
    let address = try Self.address(of: peer, child, port: ports.0, log: "\(directory.path)/log.txt")
    switch peer {
    case .muster: (beatURL, channelURL) = ("ws://\(address)/v1/connect", "ws://\(address)/v1/connect")
    case .nchan: (beatURL, channelURL) = ("ws://\(address)/beat/\(Handshake.numberMark)", "ws://\(address)/channel/bench")
    case .redis: (beatURL, channelURL) = ("redis://\(address)", "redis://\(address)")
    case .floor, .node, .mosquitto: (beatURL, channelURL) = ("ws://\(address)/", "ws://\(address)/")
    }
    self.child = child
    dialect = peer.dialect
    self.directory = directory
  }

  /// Waits until a server that was started listens.
  private static func address(of peer: Peer, _ child: ChildProcess, port: UInt16, log: String) throws(LoadError) -> String {
    do {
      switch peer {
      case .muster: return String(try child.waitForLine(beginning: "ready public=", within: patience).prefix { $0 != " " })
      case .floor, .node: return try child.waitForLine(beginning: "ready ", within: patience)
      case .nchan, .mosquitto, .redis:
        try waitUntilTaken(port, child)
        return "127.0.0.1:\(port)"
      }
    } catch {
      let said = ServerProcess.text(of: log)?.suffix(400) ?? ""
      throw .process("\(peer.title) did not start: \(error) \(said)")
    }
  }

  private static func waitUntilTaken(_ port: UInt16, _ child: ChildProcess) throws(LoadError) {
    let deadline = MonotonicTime.now().advanced(by: patience)
    while !FreePort.isTaken(port) {
      guard MonotonicTime.now() < deadline, child.isRunning, !StopSignal.isRaised else {
        throw .process("nobody listens on port \(port)")
      }
      usleep(2_000)
    }
  }

  /// How each is started.
  private static func plan(
    _ peer: Peer, _ tools: PeerTools, _ directory: borrowing TemporaryDirectory, _ ports: (UInt16, UInt16), threads: Int
  ) throws(LoadError) -> ChildProcess.Plan {
    let path = directory.path
    func configuration(_ name: String) throws(LoadError) -> String {
      let file = "\(tools.benchmarks)/Peers/\(name)"
      guard let text = ServerProcess.text(of: file) else { throw .process("there is no \(file)") }
      return text.replacing("@DIR@", with: path).replacing("@PORT@", with: "\(ports.0)")
        .replacing("@PLAIN_PORT@", with: "\(ports.1)").replacing("@MODULE@", with: PeerTools.nchanModule ?? "")
    }
    switch peer {
    case .muster:
      return .init(
        [
          tools.muster, "serve", "--dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--threads", "\(threads)",
          "--log-level", "error", "--data-dir", "\(path)/data",
        ] + tools.musterArguments)
    case .floor:
      let build = ["cc", "-O2", "-o", "\(path)/floor", "\(tools.benchmarks)/Floor/floor.c"]
      let said = ChildProcess.output(of: build)
      guard ChildProcess.path(of: "\(path)/floor") != nil else {
        throw .process("cc did not build the floor program: \(said?.joined(separator: " ") ?? "")")
      }
      return .init(["\(path)/floor"])
    case .nchan:
      try directory.write(try configuration("nginx.conf"), to: "nginx.conf")
      return .init(["nginx", "-p", path, "-c", "\(path)/nginx.conf", "-e", "stderr"])
    case .mosquitto:
      try directory.write(try configuration("mosquitto.conf"), to: "mosquitto.conf")
      return .init(["mosquitto", "-c", "\(path)/mosquitto.conf"])
    case .node:
      var plan = ChildProcess.Plan(["node", "\(tools.benchmarks)/Peers/echo.js"])
      plan.environment = ["WS_MODULE": "\(PeerTools.nodePath)/ws"]
      return plan
    case .redis:
      return .init([
        "redis-server", "--port", "\(ports.0)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", path,
        "--maxclients", "19900",
      ])
    }
  }
}
