import Glibc

/// How a drill starts `muster serve`.
struct ServerPlan: Sendable {
  /// The path of the program.
  var binary: String
  /// The data directory.
  var directory: String
  /// The file for its standard error.
  var log: String
  /// What stands before the program on the command line: a tool that runs it.
  var runner: [String] = []
  /// Settings by name.
  var settings: [String: String] = [
    // A load from few connections is wanted here, and expiry is not; neither is a login that ends the user's oldest session, since
    // in a long drill each client leaves many behind.
    "requests_per_second": "1000000", "requests_burst": "1000000", "session_idle_ttl": "30d", "resume_window": "300s",
    "away_after": "24h", "sessions_per_user_max": "10000",
  ]
  var environment: [String: String] = [:]
  /// How long it may take to become ready.
  var patience: Duration = .seconds(120)

  var arguments: [String] {
    runner + [
      binary, "serve", "--dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", directory,
      "--durability", "commit", "--log-level", "notice",
    ] + settings.sorted { $0.key < $1.key }.flatMap { ["--set", "\($0.key)=\($0.value)"] }
  }
}

/// A running `muster serve` on free ports of the loopback.
final class ServerProcess {
  /// What became of a start.
  enum Start {
    case ready(ServerProcess)
    /// It ended before it was ready, as it does with unsound data.
    case ended(ChildProcess.Exit, log: String)
  }

  let process: ChildProcess
  let publicAddress: SocketAddress
  let adminAddress: SocketAddress
  /// From the start of the process until it said that it was ready.
  let recovery: Duration

  private init(process: ChildProcess, public: SocketAddress, admin: SocketAddress, recovery: Duration) {
    self.process = process
    publicAddress = `public`
    adminAddress = admin
    self.recovery = recovery
  }

  /// Starts a server and waits until it is ready or has ended.
  static func attempt(_ plan: ServerPlan) throws(DrillError) -> Start {
    let begin = Moment.now()
    let process = try ChildProcess(plan.arguments, environment: plan.environment, log: plan.log)
    let deadline = begin.advanced(by: plan.patience)
    while let line = try process.readLine(by: deadline) {
      guard line.hasPrefix("ready ") else { continue }
      let recovery = Moment.now().since(begin)
      var fields: [Substring: Substring] = [:]
      for word in line.split(separator: " ") {
        let parts = word.split(separator: "=", maxSplits: 1)
        if parts.count == 2 { fields[parts[0]] = parts[1] }
      }
      guard let `public` = SocketAddress(fields["public"]), let admin = SocketAddress(fields["admin"]) else {
        throw .server("the server says \"\(line)\" where two addresses should be")
      }
      return .ready(ServerProcess(process: process, public: `public`, admin: admin, recovery: recovery))
    }
    guard let exit = try process.waitForExit(by: .after(.seconds(1))) else {
      throw StopWish.isRaised ? .timedOut("the server, until it was interrupted") : .timedOut("the server to become ready")
    }
    return .ended(exit, log: process.logTail)
  }

  /// Starts a server that must become ready.
  static func start(_ plan: ServerPlan) throws(DrillError) -> ServerProcess {
    switch try attempt(plan) {
    case .ready(let server): return server
    case .ended(let exit, let log): throw .server("the server did not start (\(exit)); it says: \(log)")
    }
  }

  /// Kills it with SIGKILL and waits until it is gone.
  func crash() {
    process.end()
  }

  /// Stops it as an operator would, and makes sure that it says 0.
  func stop() throws(DrillError) {
    process.signal(SIGTERM)
    let exit = try process.waitForExit(by: .after(.seconds(60)))
    guard exit == .code(0) else {
      let end = exit.map { "ended with \($0)" } ?? "did not end within 60 s"
      throw .server("asked to stop, the server \(end); it says: \(process.logTail)")
    }
  }
}
