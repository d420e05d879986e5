import Foundation
import MusterEngine
import MusterModel
import MusterServer
import Testing

/// A file with a name of its own, for as long as the body runs.
private func withFile<Result>(
  _ text: String, extension suffix: String = "yaml", _ body: (String) async throws -> Result
) async throws -> Result {
  let path = FileManager.default.temporaryDirectory.path + "/muster-\(UUID().uuidString).\(suffix)"
  try Data(text.utf8).write(to: URL(filePath: path))
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}

private func load(
  _ commandLine: [String: String] = [:], environment: [String: String] = [:], file: String? = nil
) async throws -> LoadedSettings {
  try await SettingsLoader(commandLine: commandLine, environment: environment, file: file).load()
}

/// The problems of settings that must have some.
private func findProblems(
  _ commandLine: [String: String] = [:], environment: [String: String] = [:], file: String? = nil
) async throws -> [String] {
  do {
    _ = try await load(commandLine, environment: environment, file: file)
    Issue.record("no problem was found")
    return []
  } catch let error as ConfigurationError {
    return error.problems
  }
}

@Suite("Settings: where they come from")
struct SettingsSourceTests {
  @Test("command line over environment over file over default")
  func precedence() async throws {
    try await withFile("resume_window: 3s\nheartbeat_interval: 30s\naway_after: 60s") { file in
      let loaded = try await load(
        ["resume_window": "1s"],
        environment: ["MUSTER_RESUME_WINDOW": "2s", "MUSTER_HEARTBEAT_INTERVAL": "20s"], file: file)
      let engine = loaded.configuration.engine
      #expect(engine.resumeWindow == .seconds(1))
      #expect(engine.heartbeatInterval == .seconds(20))
      #expect(engine.awayAfter == .seconds(60))
      #expect(engine.heartbeatTimeout == EngineConfiguration().heartbeatTimeout)
      #expect(loaded.origins["resume_window"] == "the command line")
      #expect(loaded.origins["heartbeat_interval"] == "the environment")
      #expect(loaded.origins["away_after"] == file)
      #expect(loaded.origins["heartbeat_timeout"] == nil)
    }
  }

  @Test(
    "YAML and JSON say the same",
    arguments: [
      (
        "yaml",
        "dev: true\nthreads: 2\nnode: east\norigins: [\"https://a.example\", \"https://b.example\"]\n"
          + "sessions_per_device_max:\n  web: 3\n"
      ),
      (
        "json",
        #"{"dev":true,"threads":2,"node":"east","origins":["https://a.example","https://b.example"],"sessions_per_device_max":{"web":3}}"#
      ),
    ])
  func formats(suffix: String, text: String) async throws {
    try await withFile(text, extension: suffix) { file in
      let configuration = try await load(file: file).configuration
      #expect(configuration.isDevelopment)
      #expect(configuration.threads == 2)
      #expect(configuration.engine.node == "east")
      #expect(configuration.origins == ["https://a.example", "https://b.example"])
      #expect(configuration.engine.sessionsPerDeviceMax == [.web: 3])
    }
  }

  @Test("MUSTER_CONFIG names the file when no flag does")
  func configVariable() async throws {
    try await withFile("threads: 3") { file in
      let named = try await load(environment: ["MUSTER_CONFIG": file])
      #expect(named.configuration.threads == 3)
      try await withFile("threads: 4") { other in
        let flagged = try await load(environment: ["MUSTER_CONFIG": file], file: other)
        #expect(flagged.configuration.threads == 4)
      }
    }
  }

  @Test("namespaces start from the default one, wherever they are named")
  func namespaces() async throws {
    let text = """
      namespaces:
        default:
          announce_max: 50
        room:
          interval: 2s
      """
    try await withFile(text) { file in
      let engine = try await load(
        ["namespaces.room.signals_allowed": "no"], environment: ["MUSTER_NAMESPACES_LOBBY_INTERVAL_MAX": "500"], file: file
      ).configuration.engine
      #expect(engine.defaultNamespace.announceMax == 50)
      #expect(Set(engine.namespaces.keys) == ["room", "lobby"])
      #expect(engine.namespaces["room"]?.announceMax == 50)
      #expect(engine.namespaces["room"]?.interval == .seconds(2))
      #expect(engine.namespaces["room"]?.signalsAllowed == false)
      #expect(engine.namespaces["lobby"]?.intervalMax == 500)
      #expect(engine.namespaces["lobby"]?.announceMax == 50)
    }
  }

  @Test("what --print-config prints is a file that sets the same")
  func printed() async throws {
    let given = [
      "resume_window": "7s", "node": "a b\"c", "namespaces.room.announce_max": "9", "sessions_per_device_max.ios": "2",
    ]
    let first = try await load(given)
    try await withFile(first.yaml) { file in
      let second = try await load(file: file)
      #expect(second.configuration.engine.resumeWindow == .seconds(7))
      #expect(second.configuration.engine.node == "a b\"c")
      #expect(second.configuration.engine.namespaces["room"]?.announceMax == 9)
      #expect(second.configuration.engine.sessionsPerDeviceMax == [.ios: 2])
      for setting in Setting.all + first.namespaces {
        #expect(setting.show(first.configuration) == setting.show(second.configuration), "\(setting.name)")
      }
    }
  }

  @Test("secrets are not printed")
  func secrets() async throws {
    let loaded = try await load(["api_key": "0123456789abcdef", "token_secret": "0123456789abcdef0123456789abcdef"])
    #expect(!loaded.yaml.contains("0123456789abcdef"))
    let problems = try await findProblems(["api_key": "0123"])
    #expect(problems.count == 1)
    #expect(!problems[0].contains("0123"))
  }

  @Test("every setting takes what it shows, and its variable is its own")
  func roundTrip() throws {
    let settings = Setting.all + Setting.namespace("default") + Setting.namespace("room")
    #expect(Set(settings.map(\.name)).count == settings.count)
    #expect(Set(settings.map(\.variable)).count == settings.count)
    for setting in settings {
      #expect(!setting.summary.isEmpty && setting.summary.utf8.count < 110, "\(setting.name)")
      guard let shown = setting.show(ServerConfiguration()) else { continue }
      var configuration = ServerConfiguration()
      try setting.take(shown, &configuration)
      #expect(setting.show(configuration) == shown, "\(setting.name)")
    }
  }
}

@Suite("Settings: what is wrong with them")
struct SettingsProblemTests {
  @Test("the defaults are sound")
  func defaults() {
    #expect(ServerConfiguration().problems().isEmpty)
  }

  @Test(
    "a message names the setting, where it was set, and what is allowed",
    arguments: [
      ("resume_window", "soon", "is not a duration"),
      ("resume_window", "301s", "is not within"),
      ("threads", "many", "is not a whole number"),
      ("threads", "2000", "0 to 1024"),
      ("dev", "maybe", "is not true or false"),
      ("login_policy", "nicest", "reject, replace_oldest, replace_same_device"),
      ("listen", "7600", "is not an address"),
      ("session_lifetime", "10s", "shorter than session_idle_ttl"),
      ("message_bytes_max", "10", "is not within 1024 to 1048576"),
      ("relay_message_bytes_max", "10", "is not within 1024 to 2097152"),
      ("outbound_bytes_low", "1000000", "is not within 1 to 65536"),
      ("origins", "example.com", "must be * or an origin"),
      ("namespaces.room.interval", "9s", "is not within"),
      ("sessions_per_device_max.web", "0", "is not within 1 to 10000"),
    ])
  func messages(name: String, value: String, expected: String) async throws {
    let problems = try await findProblems([name: value])
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix("\(name) (from the command line): ") == true, "\(problems)")
    #expect(problems.first?.contains(expected) == true, "\(problems)")
  }

  @Test("all problems are told at once")
  func all() async throws {
    let problems = try await findProblems(["resume_window": "soon"], environment: ["MUSTER_THREADS": "many"])
    #expect(problems.count == 2)
    #expect(problems.contains { $0.hasPrefix("threads (from the environment): \"many\"") })
  }

  @Test("an unknown key of the file is an error that names the nearest known one")
  func unknownKey() async throws {
    for (suffix, text) in [("yaml", "resum_window: 1s"), ("json", #"{"resum_window":"1s"}"#)] {
      try await withFile(text, extension: suffix) { file in
        let problems = try await findProblems(file: file)
        #expect(problems == ["resum_window: \(file) sets it, but there is no such setting; did you mean resume_window?"])
      }
    }
    try await withFile("something_else_entirely: 1") { file in
      let problems = try await findProblems(file: file)
      #expect(problems.first?.contains("did you mean") == false)
    }
  }

  @Test("an unknown variable that begins like ours is warned of; others do not concern us")
  func unknownVariable() async throws {
    let loaded = try await load(environment: ["MUSTER_RESUM_WINDOW": "1s", "PATH": "/bin", "MUSTER_STRICT": "1"])
    #expect(loaded.warnings == ["MUSTER_RESUM_WINDOW is set, but no setting is called so; did you mean MUSTER_RESUME_WINDOW?"])
  }

  @Test("a file that is not there, or not YAML, is named")
  func unreadable() async throws {
    let missing = try await findProblems(file: "/nowhere/muster.yaml")
    #expect(missing.first?.hasPrefix("config: /nowhere/muster.yaml cannot be read") == true)
    try await withFile("a: [1") { file in
      let problems = try await findProblems(file: file)
      #expect(problems.first?.hasPrefix("config: \(file) cannot be read") == true)
    }
  }

  @Test("development mode serves loopback only; a reachable admin port needs a key")
  func exposure() async throws {
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0", "example.com:0"] {
      let problems = try await findProblems(["dev": "true", "listen": address])
      #expect(problems.first?.hasPrefix("listen") == true, "\(address)")
      let admin = try await findProblems(["admin_listen": address])
      #expect(admin.first?.contains("api_key") == true, "\(address)")
    }
    for address in ["127.0.0.1:0", "127.8.9.1:0", "localhost:0", "[::1]:0"] {
      _ = try await load(["dev": "true", "listen": address, "admin_listen": address])
    }
    _ = try await load(["admin_listen": "0.0.0.0:0", "api_key": "0123456789abcdef"])
  }
}
