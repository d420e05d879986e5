/// A server that Muster is measured beside, or Muster itself.
package enum Peer: String, Sendable, CaseIterable {
  /// The bare program in C under `Benchmarks/Floor`: what the ratios count from.
  case floor
  case muster
  case nchan
  case mosquitto
  /// The `ws` library in node.
  case node
  case redis

  /// What it speaks.
  package var dialect: Dialect {
    switch self {
    case .floor, .node: .echo
    case .muster: .muster
    case .nchan: .nchan
    case .mosquitto: .mqtt
    case .redis: .redis
    }
  }

  /// Its name in tables.
  package var title: String {
    switch self {
    case .floor: "floor (C, epoll)"
    case .muster: "Muster"
    case .nchan: "nchan"
    case .mosquitto: "mosquitto"
    case .node: "node ws"
    case .redis: "Redis"
    }
  }
}

/// What is there to start servers with, found out once.
package struct PeerTools: Sendable {
  /// The directory `Benchmarks` of the source tree.
  package var benchmarks: String
  /// The program to measure.
  package var muster: String
  /// Further arguments of `muster serve`.
  package var musterArguments: [String]

  package init(benchmarks: String, muster: String, musterArguments: [String] = []) {
    self.benchmarks = benchmarks
    self.muster = muster
    self.musterArguments = musterArguments
  }

  /// Where distributions put nchan.
  private static let nchanModules = [
    "/usr/lib/nginx/modules/ngx_nchan_module.so", "/usr/lib64/nginx/modules/ngx_nchan_module.so",
    "/usr/share/nginx/modules/ngx_nchan_module.so",
  ]
  /// Where Debian puts libraries of node.
  static let nodePath = "/usr/share/nodejs"

  static var nchanModule: String? { nchanModules.first { ServerProcess.text(of: $0) != nil } }

  /// Why a peer cannot be started here; `nil` when it can.
  package func reasonWithout(_ peer: Peer) -> String? {
    func missing(_ program: String, _ package: String) -> String? {
      ChildProcess.path(of: program) == nil ? "'\(program)' is not installed (Debian: \(package))" : nil
    }
    switch peer {
    case .muster: return ChildProcess.path(of: muster) == nil ? "there is no program '\(muster)'" : nil
    case .floor:
      if let reason = missing("cc", "gcc") { return reason }
      return ServerProcess.text(of: "\(benchmarks)/Floor/floor.c") == nil ? "there is no \(benchmarks)/Floor/floor.c" : nil
    case .nchan:
      if let reason = missing("nginx", "nginx-light libnginx-mod-nchan") { return reason }
      return Self.nchanModule == nil ? "nginx has no nchan (Debian: libnginx-mod-nchan)" : nil
    case .mosquitto: return missing("mosquitto", "mosquitto")
    case .node:
      if let reason = missing("node", "nodejs") { return reason }
      let found = ChildProcess.output(of: ["node", "-e", "require('\(Self.nodePath)/ws'); console.log('found')"])
      return found?.first == "found" ? nil : "node has no 'ws' (Debian: node-ws)"
    case .redis: return missing("redis-server", "redis-server")
    }
  }

  /// The version, as the program itself says it.
  package func version(of peer: Peer) -> String? {
    func firstLine(_ command: String...) -> String? { ChildProcess.output(of: command)?.first { !$0.isEmpty } }
    switch peer {
    case .muster: return nil
    case .floor: return firstLine("cc", "--version").map { "cc -O2, \($0)" }
    case .nchan: return firstLine("nginx", "-v")
    case .mosquitto: return firstLine("mosquitto", "-h")
    case .node:
      let library = firstLine("node", "-p", "require('\(Self.nodePath)/ws/package.json').version") ?? ""
      return firstLine("node", "--version").map { "node \($0), ws \(library)" }
    case .redis: return firstLine("redis-server", "--version")
    }
  }
}
