import Configuration
import Synchronization
import SystemPackage

/// Where settings come from: one provider, and the names of what it holds, as far as that can be known.
struct SettingsSource: Sendable {
  /// How messages call it.
  let name: String
  /// The keys of the settings that it holds, with dots.
  let keys: [String]
  private let provider: any ConfigProvider
  private let prefix: [String]

  /// What was given on the command line.
  static func commandLine(_ values: [String: String]) -> SettingsSource {
    let pairs = values.map { (AbsoluteConfigKey($0.split(separator: ".").map(String.init)), ConfigValue(stringLiteral: $1)) }
    let provider = InMemoryProvider(name: "command line", values: Dictionary(pairs) { $1 })
    return SettingsSource(name: "the command line", keys: values.keys.sorted(), provider: provider, prefix: [])
  }

  /// The environment; which of its variables are settings is told by their names.
  static func environment(_ variables: [String: String]) -> SettingsSource {
    let provider = EnvironmentVariablesProvider(environmentVariables: variables)
    return SettingsSource(name: "the environment", keys: [], provider: provider, prefix: ["muster"])
  }

  /// A file: JSON when its name says so, else YAML.
  static func file(_ path: String) async throws -> SettingsSource {
    let seen = SeenKeys()
    let provider: any ConfigProvider
    if path.hasSuffix(".json") {
      let options = JSONSnapshot.ParsingOptions(secretsSpecifier: .dynamic { key, _ in seen.note(key) })
      provider = try await FileProvider<JSONSnapshot>(parsingOptions: options, filePath: FilePath(path))
    } else {
      let options = YAMLSnapshot.ParsingOptions(secretsSpecifier: .dynamic { key, _ in seen.note(key) })
      provider = try await FileProvider<YAMLSnapshot>(parsingOptions: options, filePath: FilePath(path))
    }
    return SettingsSource(name: path, keys: seen.all, provider: provider, prefix: [])
  }

  /// The text of a setting, or `nil` when this source does not have it.
  ///
  /// A file may write numbers and truth values without quotes; a list may be written as one.
  func text(of name: String) -> String? {
    let key = AbsoluteConfigKey(prefix + name.split(separator: ".").map(String.init))
    for type in [ConfigType.string, .stringArray] {
      guard let value = try? provider.value(forKey: key, type: type).value else { continue }
      switch value.content {
      case .string(let text): return text
      case .stringArray(let texts): return texts.joined(separator: ",")
      default: continue
      }
    }
    // In JSON a number is no text. Its `true` reads as 1, which a flag takes.
    if case .int(let number)? = try? provider.value(forKey: key, type: .int).value?.content { return "\(number)" }
    if case .double(let number)? = try? provider.value(forKey: key, type: .double).value?.content { return "\(number)" }
    return nil
  }
}

/// The keys of a file.
///
/// A provider does not list them, but asks of each whether it is a secret.
private final class SeenKeys: Sendable {
  private let keys = Mutex<[String]>([])

  /// Notes a key.
  ///
  /// - Returns: That its value is a secret: all of a file's count as such, so that no message of the provider shows one.
  func note(_ key: String) -> Bool {
    keys.withLock { $0.append(key) }
    return true
  }

  var all: [String] { keys.withLock { $0.sorted() } }
}
