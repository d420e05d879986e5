extension LoadedSettings {
  /// The settings that hold as a commented YAML file, which is a valid configuration file itself.
  ///
  /// Secrets are not shown.
  package var yaml: String {
    var lines = ["# The settings of muster serve, with the values that hold."]
    var group: [Substring] = []
    for setting in Setting.all + namespaces {
      let parts = setting.name.split(separator: ".", omittingEmptySubsequences: false)
      let parents = Array(parts.dropLast())
      let common = zip(group, parents).prefix { $0 == $1 }.count
      for (depth, parent) in parents.enumerated().dropFirst(common) { lines.append(indent(depth) + "\(parent):") }
      group = parents
      lines.append(contentsOf: entry(setting, key: parts.last ?? "", depth: parents.count))
    }
    return lines.joined(separator: "\n")
  }

  private func entry(_ setting: Setting, key: Substring, depth: Int) -> [String] {
    let origin = origins[setting.name].map { " (from \($0))" } ?? ""
    let comment = indent(depth) + "# \(setting.summary)\(origin)"
    let value = setting.show(configuration)
    switch value {
    case nil: return [comment, indent(depth) + "# \(key):"]
    case _? where setting.isSecret: return [comment, indent(depth) + "# \(key): (not shown)"]
    case let value?: return [comment, indent(depth) + "\(key): \(Self.quoted(value))"]
    }
  }

  private func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

  /// A scalar as YAML: quoted unless it is a plain word, a number or a duration.
  private static func quoted(_ value: String) -> String {
    let isPlain = !value.isEmpty && value.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    if isPlain { return value }
    let escaped = value.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] }
    return "\"\(String(escaped))\""
  }
}
