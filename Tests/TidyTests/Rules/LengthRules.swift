extension Rule {
  static let fileLength = Rule(
    name: "fileLength",
    sentence: "A file has at most 400 lines",
    bad: [
      Sample(in: "Sources/MusterEngine/Long.swift", String(repeating: "let a = 1\n", count: 401)),
      Sample(in: "Tests/InteropTests/Clients/long.py", String(repeating: "a = 1\n", count: 401)),
    ],
    good: [Sample(in: "Sources/MusterEngine/Short.swift", String(repeating: "let a = 1\n", count: 400))]
  ) { file in
    file.lines.count > 400 ? [file.finding(401, "the file has \(file.lines.count) lines")] : []
  }

  static let functionLength = Rule(
    name: "functionLength",
    sentence: "A function has at most 70 lines",
    bad: [
      Sample("func long() {\n\(String(repeating: "  step()\n", count: 69))}\n"),
      Sample("struct Row {\n  init(\n    a: Int\n  ) {\n\(String(repeating: "    step()\n", count: 68))  }\n}\n"),
      Sample("enum Kind {\n  var name: String {\n\(String(repeating: "    step()\n", count: 69))  }\n}\n"),
    ],
    good: [
      Sample("func short() {\n\(String(repeating: "  step()\n", count: 68))}\n"),
      Sample("enum Table {\n  static let rows = [\n\(String(repeating: "    1,\n", count: 90))  ]\n}\n"),
    ]
  ) { file in
    file.declarations.filter { $0.isFunction && $0.lines.count > 70 }.map {
      file.finding($0.lines.lowerBound, "\($0.signature) has \($0.lines.count) lines", subject: $0.signature)
    }
  }
}
