/// Finds the links to symbols in documentation, and those that lead nowhere.
///
/// A link is what stands between double backticks: `Type`, `Type/member(label:)`, `member(label:)`. Each part must be declared
/// somewhere in the sources, functions with exactly these labels; which of several it means is not decided here.
struct DocLinks: Sendable {
  /// Every name and every signature that can be linked to.
  private let symbols: Set<String>

  init(sources: [SourceFile]) {
    var symbols = Set<String>()
    for file in sources where file.area == "Sources" {
      symbols.insert(file.target)
      for declaration in file.declarations where declaration.kind != .extension {
        symbols.insert(declaration.name)
        symbols.insert(declaration.signature)
      }
    }
    self.symbols = symbols
  }

  /// The dead links in the comments of a source.
  func check(_ file: SourceFile) -> [Finding] {
    file.comments.filter { $0.value.hasPrefix("///") }.sorted { $0.key < $1.key }.flatMap { line, comment in
      dead(in: comment).map { file.finding(line, "``\($0)`` leads nowhere", subject: $0) }
    }
  }

  /// The dead links in a page of a documentation catalogue.
  func check(page: SourceFile) -> [Finding] {
    var found: [Finding] = []
    var isCode = false
    for (index, line) in page.lines.enumerated() {
      if line.hasPrefix("```") { isCode.toggle() }
      guard !isCode else { continue }
      found += dead(in: line).map { page.finding(index + 1, "``\($0)`` leads nowhere", subject: $0) }
    }
    return found
  }

  private func dead(in text: String) -> [String] {
    links(in: text).filter { link in
      !link.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
        // `-swift.struct` or `-4f2k1` picks one of several of the same name.
        let name = part.split(separator: "-", maxSplits: 1).first.map(String.init) ?? ""
        return symbols.contains(part.hasPrefix("-") ? String(part) : name)
      }
    }
  }

  private func links(in text: String) -> [String] {
    let parts = text.components(between: "``")
    return parts.filter { !$0.isEmpty && !$0.contains(" ") }
  }
}

extension String {
  /// What stands between an odd and the following even occurrence of a mark.
  fileprivate func components(between mark: String) -> [String] {
    var parts: [String] = []
    var rest = self[...]
    while let opening = rest.firstRange(of: mark), let closing = rest[opening.upperBound...].firstRange(of: mark) {
      parts.append(String(rest[opening.upperBound..<closing.lowerBound]))
      rest = rest[closing.upperBound...]
    }
    return parts
  }
}
