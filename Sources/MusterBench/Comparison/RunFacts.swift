package import MusterJSON

/// What has to stand beside every figure: what was run, of which commit, where and when.
package struct RunFacts: Sendable {
  package var title: String
  package var command: String
  package var commit: String
  package var date: String
  package var host: [Report.Field]

  /// States the facts.
  package init(title: String, command: String, commit: String, date: String, host: [Report.Field]) {
    self.title = title
    self.command = command
    self.commit = commit
    self.date = date
    self.host = host
  }

  /// Reads them off this machine, now.
  ///
  /// - Parameters:
  ///   - title: What the figures are about.
  ///   - command: How they can be made again.
  /// - Returns: The facts, with the commit of the working directory.
  package static func now(title: String, command: String) -> RunFacts {
    let commit = ChildProcess.output(of: ["git", "rev-parse", "--short=10", "HEAD"])?.first ?? "unknown"
    let isChanged = !(ChildProcess.output(of: ["git", "status", "--porcelain", "--untracked-files=no"]) ?? []).isEmpty
    return RunFacts(
      title: title, command: command, commit: commit + (isChanged ? " with changes" : ""), date: HostFacts.date(),
      host: HostFacts.fields(server: nil))
  }

  /// The first lines of a page.
  package var markdown: String {
    var lines = ["# \(title)", "", "- date: \(date)", "- commit: `\(commit)`", "- command: `\(command)`"]
    for field in host {
      switch field.value {
      case .text(let words): lines.append("- \(field.title): \(words)")
      case .integer(let number): lines.append("- \(field.title): \(number)")
      default: break
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The same as members of an object that is open.
  package func write(into writer: inout JSONWriter) {
    writer.pair("title", string: title)
    writer.pair("command", string: command)
    writer.pair("commit", string: commit)
    writer.pair("date", string: date)
    writer.key("host")
    writer.beginObject()
    for field in host {
      switch field.value {
      case .text(let words):
        writer.key(Array(field.key.utf8))
        writer.string(words)
      case .integer(let number):
        writer.key(Array(field.key.utf8))
        writer.integer(number)
      default: break
      }
    }
    writer.endObject()
  }
}

extension JSONWriter {
  /// A number with so many digits behind the point; `null` for what is none.
  mutating func number(_ value: Double?, digits: Int) {
    guard let value, let text = Report.Value.fixed(value, digits: digits) else { return null() }
    raw(Array(text.utf8))
  }
}
