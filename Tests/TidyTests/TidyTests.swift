import CZstd
import Testing

@Suite("The source tree keeps its rules")
struct TreeTests {
  private let tree = SourceTree.current

  @Test("there are sources to look at")
  func readsTheTree() {
    #expect(tree.swift.count > 20)
    #expect(tree.swift.contains { $0.path == "Sources/MusterModel/ErrorCode.swift" })
    #expect(tree.swift.flatMap(\.declarations).count > 100)
  }

  @Test("every source keeps the rule", arguments: Rule.all)
  func everySourceKeeps(_ rule: Rule) {
    let exemptions = Rule.exemptions.filter { $0.rule == rule.name }
    let findings = tree.files.flatMap(rule.check)
    for finding in findings where !exemptions.contains(where: { $0.covers(finding, of: rule) }) { Issue.record("\(finding)") }
    for exemption in exemptions where !findings.contains(where: { exemption.covers($0, of: rule) }) {
      Issue.record("nothing in \(exemption.path) needs the exemption from \(rule.name) any more")
    }
  }

  @Test("every exemption is from a rule that there is, and has a reason")
  func exemptionsHaveReasons() {
    for exemption in Rule.exemptions {
      #expect(Rule.all.contains { $0.name == exemption.rule }, "there is no rule \(exemption.rule)")
      #expect(exemption.reason.split(separator: " ").count >= 4, "the exemption of \(exemption.path) has no reason")
    }
  }

  @Test("every target is in the import table, and every row of the table is a target")
  func tableIsComplete() {
    // The one target elsewhere, beside the thresholds that it is measured against.
    let targets = tree.entries(of: "Sources") + tree.entries(of: "Tests") + ["Budgets"]
    for target in targets {
      #expect(ImportTable.muster.row(of: target) != nil, "the target \(target) is not in the import table")
    }
    for row in ImportTable.muster.rows.keys {
      #expect(targets.contains(row), "the import table knows a target \(row) that is gone")
    }
  }

  @Test("nothing lies at the top level but what belongs there")
  func topLevel() {
    let allowed: Set = [
      "Package.swift", "Sources", "Tests", "Benchmarks", "snapshots", "README.md", "Makefile", ".swift-format", ".gitignore",
      "LICENSE", ".ci",
    ]
    for entry in tree.entries() { #expect(allowed.contains(entry), "\(entry) does not belong at the top level") }
  }

  @Test("the linked zstd is 1.5 or newer")
  func zstdIsRecent() {
    #expect(ZSTD_versionNumber() >= 1_05_00)
  }
}

@Suite("Each rule can fail")
struct RuleTests {
  @Test("the rule finds every bad sample", arguments: Rule.all)
  func findsBadSamples(_ rule: Rule) {
    #expect(!rule.bad.isEmpty)
    for sample in rule.bad {
      #expect(!rule.check(SourceFile(path: sample.path, text: sample.text)).isEmpty, "not found: \(sample.text.prefix(200))")
    }
  }

  @Test("the rule lets every good sample pass", arguments: Rule.all)
  func passesGoodSamples(_ rule: Rule) {
    #expect(!rule.good.isEmpty)
    for sample in rule.good {
      #expect(rule.check(SourceFile(path: sample.path, text: sample.text)).map(\.description) == [])
    }
  }

  @Test("an exemption covers its rule, file and function only")
  func exemptionsAreNarrow() {
    let rule = Rule.functionLength
    let exemption = Exemption(rule: rule.name, path: "a.swift", subject: "b()", reason: "it is one table of all cases")
    #expect(exemption.covers(Finding(path: "a.swift", line: 1, message: "", subject: "b()"), of: rule))
    #expect(!exemption.covers(Finding(path: "a.swift", line: 1, message: "", subject: "c()"), of: rule))
    #expect(!exemption.covers(Finding(path: "d.swift", line: 1, message: "", subject: "b()"), of: rule))
    #expect(!exemption.covers(Finding(path: "a.swift", line: 1, message: "", subject: "b()"), of: .fileLength))
  }
}
