import MusterModel
import Testing

@Suite("The documentation says what the code says")
struct DocTests {
  private let tree = SourceTree.current

  @Test("every link to a symbol leads somewhere")
  func linksResolve() {
    let links = DocLinks(sources: tree.swift)
    let sources = tree.swift.filter { $0.area == "Sources" }.flatMap { links.check($0) }
    let pages = tree.catalogue.flatMap { links.check(page: $0) }
    for finding in sources + pages { Issue.record("\(finding)") }
  }

  @Test("every code of the catalogue has its number and name in a row of the documentation, and no row has another")
  func codesAreDocumented() {
    let page = tree.catalogue.flatMap(\.lines)
    // Until there is a catalogue there is nothing that could be wrong in it.
    guard !page.isEmpty else { return }
    for finding in CodeTable.check(page) { Issue.record("\(finding)") }
  }

  @Test("the README has less than 300 lines")
  func readmeIsShort() {
    guard let readme = tree.pages.first(where: { $0.path == "README.md" }) else { return }
    #expect(readme.lines.count < 300)
  }

  @Test("a link to something that was renamed is found, one to something that is there is not")
  func findsDeadLinks() {
    let source = SourceFile(
      path: "Sources/MusterEngine/Sample.swift",
      text: """
        /// See ``Wheel/arm(_:at:)``, ``arm(_:at:)``, ``Wheel/count``, ``Kind/far(_:ticks:)``, ``MusterEngine/Wheel``, ``Wheel-4f2k1``.
        struct Wheel {
          /// See ``arm(_:)``, ``Wheel/renew``, ``Spoke``, ``Wheel/Spoke/arm(_:at:)``; not `Spoke`.
          mutating func arm(_ handle: Int, at deadline: Int) {}
          var count: Int { 0 }
        }
        enum Kind { case near, far(Int, ticks: Int) }
        // A remark about ``Nothing``.
        """)
    let links = DocLinks(sources: [source])
    #expect(links.check(source).map(\.subject) == ["arm(_:)", "Wheel/renew", "Spoke", "Wheel/Spoke/arm(_:at:)"])
    #expect(links.check(source).map(\.line) == [3, 3, 3, 3])
    let page = SourceFile(path: "Sources/MusterEngine/A.docc/A.md", text: "- ``Wheel``\n- ``Hub``\n```\n``Hub``\n```\n")
    #expect(links.check(page: page).map(\.line) == [2])
  }

  @Test("a code that is missing, misnamed or unknown in the documentation is found")
  func findsUndocumentedCodes() {
    let complete = ErrorCode.allCases.map { "| \($0.rawValue) | `\($0.name)` | \($0.sentence) |" }
    #expect(CodeTable.check(complete).isEmpty)
    #expect(CodeTable.check(Array(complete.dropLast())).count == 1)
    #expect(CodeTable.check(complete.map { $0.replacing("`drain`", with: "`drained`") }).count == 2)
    #expect(CodeTable.check(complete + ["| 4444 | `novel` | Not in the catalogue. |"]).count == 1)
  }
}

/// The codes as a table of the documentation shows them: `| 4000 | `drain` | …`.
private enum CodeTable {
  static func check(_ lines: [String]) -> [String] {
    let rows = lines.compactMap(row)
    let missing = ErrorCode.allCases.filter { code in !rows.contains { $0 == (code.rawValue, code.name) } }
    let unknown = rows.filter { row in ErrorCode(rawValue: row.0)?.name != row.1 }
    return missing.map { "\($0.rawValue) \($0.name) is not documented" }
      + unknown.map { "the documentation knows a code \($0.0) \($0.1)" }
  }

  private static func row(_ line: String) -> (UInt16, String)? {
    let cells = line.split(separator: "|").map { $0.trimmingPrefix(while: \.isWhitespace) }
    guard cells.count >= 2, line.hasPrefix("|"), let number = UInt16(cells[0].prefix(while: \.isNumber)) else { return nil }
    guard (4000..<6000).contains(number) else { return nil }
    return (number, String(cells[1].filter { $0.isLetter || $0 == "_" }))
  }
}
