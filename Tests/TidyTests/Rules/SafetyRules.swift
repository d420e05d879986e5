extension Rule {
  static let promises = Rule(
    name: "promises",
    sentence: "Each @unchecked Sendable and nonisolated(unsafe) has a SAFETY line directly above that says why it holds",
    bad: [
      Sample("final class Loop: @unchecked Sendable {}"),
      Sample("// SAFETY: far away.\n\nfinal class Loop: @unchecked Sendable {}"),
      Sample("/// Safety matters.\nextension Loop: @unchecked Sendable {}"),
      Sample("struct A {\n  nonisolated(unsafe) static var b = 1\n}"),
      Sample("struct A {\n  unowned(unsafe) let b: B\n}"),
    ],
    good: [
      Sample("/// A loop.\n// SAFETY: all of it is confined to its thread.\n@frozen\nfinal class Loop: @unchecked Sendable {}"),
      Sample("// SAFETY: written once, before the first thread starts.\n// Nobody else sees it.\nnonisolated(unsafe) var a = 1"),
      Sample("// About @unchecked Sendable.\nlet text = \"nonisolated(unsafe)\""),
    ]
  ) { file in
    file.tokens.indices.compactMap { index in
      let line = file.tokens[index].line
      let isPromise =
        file.has(["@unchecked", "Sendable"], at: index) || file.has(["nonisolated", "(", "unsafe", ")"], at: index)
        || file.has(["unowned", "(", "unsafe", ")"], at: index)
      guard isPromise, !file.saysWhy(above: line), !file.saysWhy(above: file.headerStart(of: line)) else { return nil }
      return file.finding(line, "no SAFETY line directly above", subject: file.word(index))
    }
  }

  static let traps = Rule(
    name: "traps",
    sentence: "No try!, and no trap without a sentence",
    bad: [
      Sample("let a = try! b()"), Sample("func a() { fatalError() }"), Sample("preconditionFailure()"),
      Sample("assertionFailure(\n)"), Sample(in: "Tests/MusterWireTests/Sample.swift", "let a = try! b()"),
    ],
    good: [Sample("let a = try? b()\nfatalError(\"a connection without a row\")"), Sample("// try! and fatalError()")]
  ) { file in
    file.findings { index in
      if file.has(["try", "!"], at: index), file.tokens[index + 1].isGlued { return "try!" }
      let traps = ["fatalError", "preconditionFailure", "assertionFailure"]
      return traps.contains(file.word(index)) && file.has(["(", ")"], at: index + 1) ? "\(file.word(index)) says nothing" : nil
    }
  }

  static let forcedUnwraps = Rule(
    name: "forcedUnwraps",
    sentence: "A forced unwrap or cast in Sources has its reason in a comment beside or directly above",
    bad: [
      Sample("let a = b!"), Sample("let a = b()!.c"), Sample("let a = c as! D"), Sample("let a: Int! = nil"),
      Sample("let a = b[0]!"),
    ],
    good: [
      Sample("let a = b!  // the table has no empty chains"), Sample("// Checked two lines up.\nlet a = b!"),
      Sample("let a = !b\nif a != b, !c(!d) {}"), Sample(in: "Tests/MusterWireTests/Sample.swift", "let a = b!"),
    ]
  ) { file in
    guard file.area == "Sources" else { return [] }
    return file.findings { index in
      let token = file.tokens[index]
      guard token.kind == .symbol, token.text.hasPrefix("!"), token.isGlued, token.text != "!=", index > 0 else { return nil }
      let before = file.tokens[index - 1]
      guard before.kind == .word || [")", "]", "}"].contains(before.text) else { return nil }
      let isExplained = file.comments[token.line] != nil || !file.commentsAbove(token.line).isEmpty
      return isExplained ? nil : "a forced unwrap or cast without a reason"
    }
  }
}

extension SourceFile {
  /// Whether a `// SAFETY:` line with a sentence stands directly above a line.
  func saysWhy(above line: Int) -> Bool {
    commentsAbove(line).contains { comment in
      let words = comment.split(separator: " ")
      return words.count > 3 && words[0] == "//" && words[1] == "SAFETY:"
    }
  }

  /// The first line of the declaration whose header covers a line; the line itself when it is none.
  func headerStart(of line: Int) -> Int {
    declarations.map(\.lines.lowerBound).filter { $0 <= line }.max().map { start in
      let between = tokens.filter { $0.line >= start && $0.line < line }
      return between.contains { $0.kind == .symbol && ["{", "}"].contains($0.text) } ? line : start
    } ?? line
  }
}
