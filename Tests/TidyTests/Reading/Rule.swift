import Testing

/// A place that breaks a rule.
struct Finding: Equatable, CustomStringConvertible {
  let path: String
  let line: Int
  let message: String
  /// What an exception names: a function, a type; empty for the whole file.
  var subject = ""

  var description: String { "\(path):\(line): \(message)" }
}

/// Something that a program can check in one source.
///
/// Each rule carries its own proof: samples that it must find, and samples that it must let pass.
struct Rule: Sendable, CustomTestStringConvertible {
  struct Sample: Sendable {
    let path: String
    let text: String

    init(in path: String = "Sources/MusterEngine/Sample.swift", _ text: String) {
      self.path = path
      self.text = text
    }
  }

  /// One word, by which an exception names it.
  let name: String
  /// The rule itself, in one sentence.
  let sentence: String
  let bad: [Sample]
  let good: [Sample]
  let check: @Sendable (SourceFile) -> [Finding]

  var testDescription: String { sentence }
}

extension SourceFile {
  func finding(_ line: Int, _ message: String, subject: String = "") -> Finding {
    Finding(path: path, line: line, message: message, subject: subject)
  }

  /// A finding for each token at which `message` has something to say.
  func findings(_ message: (Int) -> String?) -> [Finding] {
    tokens.indices.compactMap { index in message(index).map { finding(tokens[index].line, $0) } }
  }
}

/// A finding that stands for a reason.
struct Exemption: Sendable {
  let rule: String
  let path: String
  /// The function or type; empty for the whole file.
  var subject = ""
  let reason: String

  func covers(_ finding: Finding, of rule: Rule) -> Bool {
    self.rule == rule.name && path == finding.path && (subject.isEmpty || subject == finding.subject)
  }
}
