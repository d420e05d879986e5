import MusterEngine
import MusterModel
import MusterTestKit
import Testing

@Suite("Configuration of the engine")
struct EngineConfigurationTests {
  private func problems(_ change: (inout EngineConfiguration) -> Void) -> [String] {
    var configuration = EngineConfiguration()
    change(&configuration)
    return configuration.problems().map(\.setting)
  }

  @Test("the defaults are sound")
  func defaults() {
    #expect(problems { _ in } == [])
  }

  @Test("what is out of its range is named, and all of it, not only the first")
  func ranges() {
    #expect(problems { $0.resumeWindow = .seconds(301) } == ["resume_window"])
    #expect(problems { $0.sessionsPerDeviceMax = [.ios: 0, .web: 5] } == ["sessions_per_device_max.ios"])
    #expect(problems { $0.namespaces["room"] = .init() } == [])
    let found = problems { configuration in
      configuration.heartbeatInterval = .milliseconds(10)
      configuration.requestsBurst = 0
      configuration.node = ""
      configuration.namespaces["room"] = {
        var settings = NamespaceSettings()
        settings.interval = .seconds(9)
        return settings
      }()
    }
    #expect(found == ["heartbeat_interval", "requests_burst", "node", "namespaces.room.interval"])
  }

  @Test("settings that contradict each other are refused")
  func relations() {
    #expect(problems { $0.sessionIdleTTL = .seconds(49) } == ["session_idle_ttl"])
    #expect(problems { $0.sessionLifetime = .seconds(60) } == ["session_lifetime"])
    #expect(problems { $0.defaultNamespace.intervalMax = 100 } == ["namespaces.default.interval_max"])
  }

  @Test("a channel takes the settings of its namespace, or the default ones")
  func namespaces() {
    var configuration = EngineConfiguration()
    var settings = NamespaceSettings()
    settings.announceMax = 7
    configuration.namespaces["room"] = settings
    #expect(configuration.settings(of: .named("room:1")).announceMax == 7)
    #expect(configuration.settings(of: .named("rooms:1")).announceMax == 200)
    #expect(configuration.settings(of: .named("room")).announceMax == 200)
  }
}
