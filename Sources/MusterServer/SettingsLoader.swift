import MusterEngine

/// What is wrong with the settings that were given.
package struct ConfigurationError: Error, CustomStringConvertible {
  /// One sentence for each problem; each begins with the name of the setting.
  package var problems: [String]

  package var description: String { problems.joined(separator: "\n") }
}

/// The settings that hold, and where each was set.
package struct LoadedSettings: Sendable {
  package var configuration = ServerConfiguration()
  /// For each setting that was set, how its source is called.
  package var origins: [String: String] = [:]
  /// What looks like a mistake but is none for certain.
  package var warnings: [String] = []

  /// Settings of the namespaces that were named.
  package var namespaces: [Setting] {
    [Setting.defaultNamespace].appending(configuration.engine.namespaces.keys.sorted()).flatMap(Setting.namespace)
  }
}

/// Puts the settings together: command line over environment over file over defaults.
package struct SettingsLoader {
  /// `MUSTER_` variables that are not settings.
  private static let otherVariables: Set<String> = ["MUSTER_CONFIG", "MUSTER_STRICT"]

  private let sources: [SettingsSource]
  private let variables: [String: String]

  /// Opens the sources.
  ///
  /// - Parameters:
  ///   - commandLine: The settings that were given as flags, by name.
  ///   - environment: The environment of the process.
  ///   - file: The configuration file: YAML, or JSON when it is called `.json`. `nil` takes the one that `MUSTER_CONFIG` names,
  ///     if any.
  /// - Throws: ``ConfigurationError`` when the file cannot be read.
  package init(commandLine: [String: String], environment: [String: String], file: String?) async throws {
    var sources: [SettingsSource] = [.commandLine(commandLine), .environment(environment)]
    if let path = file ?? environment["MUSTER_CONFIG"], !path.isEmpty {
      do {
        sources.append(try await .file(path))
      } catch {
        throw ConfigurationError(problems: ["config: \(path) cannot be read: \(error)"])
      }
    }
    self.sources = sources
    variables = environment.filter { $0.key.hasPrefix("MUSTER_") && !Self.otherVariables.contains($0.key) }
  }

  /// Reads and checks all settings.
  ///
  /// - Throws: ``ConfigurationError`` with every problem, not only the first.
  package func load() throws(ConfigurationError) -> LoadedSettings {
    var loaded = LoadedSettings()
    var problems: [String] = []
    let namespaces = namespaceNames()
    // The default namespace first: the others start from it.
    var known = Setting.all + Setting.namespace(Setting.defaultNamespace)
    take(known, into: &loaded, &problems)
    for name in namespaces {
      loaded.configuration.engine.namespaces[name] = loaded.configuration.engine.defaultNamespace
      let settings = Setting.namespace(name)
      take(settings, into: &loaded, &problems)
      known += settings
    }
    let names = Set(known.map(\.name))
    for source in sources {
      for key in source.keys where !names.contains(key) {
        problems.append("\(key): \(source.name) sets it, but there is no such setting\(Self.suggestion(for: key, in: names))")
      }
    }
    let knownVariables = Set(known.map(\.variable))
    for variable in variables.keys.sorted() where !knownVariables.contains(variable) {
      loaded.warnings.append(
        "\(variable) is set, but no setting is called so\(Self.suggestion(for: variable, in: knownVariables))")
    }
    if problems.isEmpty {
      problems = loaded.configuration.problems().map { problem in
        loaded.origins[problem.setting].map { "\(problem.setting) (from \($0)): \(problem.message)" } ?? "\(problem)"
      }
    }
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    return loaded
  }

  private func take(_ settings: [Setting], into loaded: inout LoadedSettings, _ problems: inout [String]) {
    for setting in settings {
      for source in sources {
        guard let text = source.text(of: setting.name) else { continue }
        do {
          try setting.take(text, &loaded.configuration)
          loaded.origins[setting.name] = source.name
        } catch {
          let shown = setting.isSecret ? "its value" : "\"\(text)\""
          problems.append("\(setting.name) (from \(source.name)): \(shown) is not \(error.expected)")
        }
        break
      }
    }
  }

  /// The namespaces that any source speaks of, apart from the default one.
  private func namespaceNames() -> [String] {
    var names: Set<String> = []
    for key in sources.flatMap(\.keys) {
      let parts = key.split(separator: ".")
      guard parts.count >= 3, parts[0] == "namespaces" else { continue }
      names.insert(parts[1..<(parts.count - 1)].joined(separator: "."))
    }
    let suffixes = Setting.namespace("").map { Setting.variable(for: String($0.name.split(separator: ".").last ?? "")) }
    for variable in variables.keys where variable.hasPrefix("MUSTER_NAMESPACES_") {
      let rest = variable.dropFirst("MUSTER_NAMESPACES_".count)
      for suffix in suffixes.map({ $0.dropFirst("MUSTER".count) }) where rest.hasSuffix(suffix) && rest.count > suffix.count {
        let spelled = rest.dropLast(suffix.count).lowercased()
        // A file may have named it already, in a spelling that the environment cannot express.
        if !names.contains(where: { Setting.variable(for: $0) == Setting.variable(for: spelled) }) { names.insert(spelled) }
      }
    }
    names.remove(Setting.defaultNamespace)
    return names.sorted()
  }

  private static func suggestion(for key: String, in names: Set<String>) -> String {
    let near = names.map { (name: $0, distance: SpellingDistance.between(key, $0)) }
      .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
    guard let near, near.distance <= max(2, key.count / 3) else { return "" }
    return "; did you mean \(near.name)?"
  }
}

/// How far two spellings are apart: insertions, deletions and replacements (Levenshtein's distance).
enum SpellingDistance {
  /// - Complexity: O(n m) for the lengths of both; keys from a file are as long as its author likes, so both are cut at 128.
  static func between(_ first: String, _ second: String) -> Int {
    let first = Array(first.utf8.prefix(128))
    let second = Array(second.utf8.prefix(128))
    var row = Array(0...second.count)
    for (i, a) in first.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, b) in second.enumerated() {
        let replaced = diagonal + (a == b ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
      }
    }
    return row[second.count]
  }
}

extension [String] {
  fileprivate func appending(_ others: [String]) -> [String] { self + others }
}
