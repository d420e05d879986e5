import Logging
import MusterEngine
import MusterStorage

/// One thing that can be set: its name everywhere, and how its text and its value become each other.
///
/// The name is the same in the file, in `--set NAME=VALUE`, and, in capitals behind `MUSTER_`, in the environment.
package struct Setting: Sendable {
  /// Why a text is no value of a setting: what it should be.
  package struct NotAValue: Error {
    /// Completes "… is not".
    package var expected: String
  }

  /// The name in the file; a dot leads into a group.
  package let name: String
  /// What it does, in one line.
  package let summary: String
  /// Whether its value must not be shown.
  package let isSecret: Bool
  /// Takes the value from text.
  package let take: @Sendable (String, inout ServerConfiguration) throws(NotAValue) -> Void
  /// The value as text that ``take`` accepts; `nil` when it is not set.
  package let show: @Sendable (ServerConfiguration) -> String?

  /// The environment variable.
  package var variable: String { Self.variable(for: name) }

  /// The environment variable of the setting of that name.
  package static func variable(for name: String) -> String {
    "MUSTER_" + String(name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
  }

  private init(
    _ name: String, _ summary: String, isSecret: Bool = false,
    take: @escaping @Sendable (String, inout ServerConfiguration) throws(NotAValue) -> Void,
    show: @escaping @Sendable (ServerConfiguration) -> String?
  ) {
    self.name = name
    self.summary = summary
    self.isSecret = isSecret
    self.take = take
    self.show = show
  }
}

/// Where in the configuration a setting of a type lives.
typealias Path<Value> = WritableKeyPath<ServerConfiguration, Value> & Sendable

extension Setting {
  static func duration(_ name: String, _ path: any Path<Duration>, _ summary: String) -> Setting {
    Setting(name, summary) { text, configuration throws(NotAValue) in
      guard let value = DurationText.duration(text) else {
        throw NotAValue(expected: "a duration: a whole number and a unit, as in 1500ms, 25s, 30m, 12h or 30d")
      }
      configuration[keyPath: path] = value
    } show: {
      DurationText.text($0[keyPath: path])
    }
  }

  static func count(_ name: String, _ path: any Path<Int>, _ summary: String) -> Setting {
    Setting(name, summary) { text, configuration throws(NotAValue) in
      guard let value = Int(text) else { throw NotAValue(expected: "a whole number") }
      configuration[keyPath: path] = value
    } show: {
      "\($0[keyPath: path])"
    }
  }

  static func flag(_ name: String, _ path: any Path<Bool>, _ summary: String) -> Setting {
    Setting(name, summary) { text, configuration throws(NotAValue) in
      switch text.lowercased() {
      case "true", "yes", "on", "1": configuration[keyPath: path] = true
      case "false", "no", "off", "0": configuration[keyPath: path] = false
      default: throw NotAValue(expected: "true or false")
      }
    } show: {
      "\($0[keyPath: path])"
    }
  }

  static func text(_ name: String, _ path: any Path<String>, _ summary: String) -> Setting {
    Setting(name, summary) { text, configuration throws(NotAValue) in
      configuration[keyPath: path] = text
    } show: {
      $0[keyPath: path]
    }
  }

  static func secret(_ name: String, _ path: any Path<String?>, _ summary: String) -> Setting {
    Setting(name, summary, isSecret: true) { text, configuration throws(NotAValue) in
      configuration[keyPath: path] = text
    } show: {
      $0[keyPath: path]
    }
  }

  static func list(_ name: String, _ path: any Path<[String]>, _ summary: String) -> Setting {
    Setting(name, summary) { text, configuration throws(NotAValue) in
      configuration[keyPath: path] = text.split(separator: ",").map { $0.trimmingSpaces }.filter { !$0.isEmpty }
    } show: {
      $0[keyPath: path].isEmpty ? nil : $0[keyPath: path].joined(separator: ",")
    }
  }

  static func address(_ name: String, _ path: any Path<ListenAddress>, _ summary: String) -> Setting {
    Setting(name, summary) { text, configuration throws(NotAValue) in
      guard let value = ListenAddress(text) else {
        throw NotAValue(expected: "an address like 127.0.0.1:7600 or [::1]:7600; port 0 takes a free one")
      }
      configuration[keyPath: path] = value
    } show: {
      "\($0[keyPath: path])"
    }
  }

  static func choice<Value: CaseIterable & RawRepresentable<String> & Sendable>(
    _ name: String, _ path: any Path<Value>, _ summary: String
  ) -> Setting {
    let words = Value.allCases.map(\.rawValue)
    return Setting(name, "\(summary): \(words.joined(separator: ", "))") { text, configuration throws(NotAValue) in
      guard let value = Value(rawValue: text.lowercased()) else {
        throw NotAValue(expected: "one of \(words.joined(separator: ", "))")
      }
      configuration[keyPath: path] = value
    } show: {
      $0[keyPath: path].rawValue
    }
  }

  /// When replies may be sent: `commit`, `interval=<ms>` or `none`.
  static func durability(_ name: String, _ path: any Path<LogDurability>, _ summary: String) -> Setting {
    Setting(name, summary) { text, configuration throws(NotAValue) in
      let parts = text.lowercased().split(separator: "=", maxSplits: 1)
      switch (parts.first, parts.count) {
      case ("commit", 1):
        configuration[keyPath: path] = .commit
      case ("none", 1):
        configuration[keyPath: path] = .none
      case ("interval", 2):
        guard let milliseconds = Int(parts[1]) else { fallthrough }
        configuration[keyPath: path] = .interval(.milliseconds(milliseconds))
      default:
        throw NotAValue(expected: "commit, interval=MILLISECONDS (as in interval=200) or none")
      }
    } show: {
      switch $0[keyPath: path] {
      case .commit: "commit"
      case .none: "none"
      case .interval(let interval): "interval=\(interval.milliseconds)"
      }
    }
  }

  /// A limit that holds only when it is set.
  static func optionalCount(_ name: String, _ path: any Path<Int?>, _ summary: String) -> Setting {
    Setting(name, summary) { text, configuration throws(NotAValue) in
      guard let value = Int(text) else { throw NotAValue(expected: "a whole number") }
      configuration[keyPath: path] = value
    } show: {
      $0[keyPath: path].map { "\($0)" }
    }
  }
}

extension Substring {
  fileprivate var trimmingSpaces: String {
    var rest = self
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
