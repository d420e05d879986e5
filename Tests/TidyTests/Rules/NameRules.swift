extension Rule {
  static let vagueNames = Rule(
    name: "vagueNames",
    sentence: "No type and no file is called Manager, Helper, Util or Common",
    bad: [
      Sample("final class SessionManager {}"),
      Sample("extension Wire { enum FrameHelpers {} }"),
      Sample("typealias Utils = Int"),
      Sample("package struct HTTPUtil {}"),
      Sample(in: "Sources/MusterEngine/CommonTypes.swift", "struct Slot {}"),
    ],
    good: [
      Sample("struct Utility {}\nenum Commonality {}\nfunc helper() {}"),
      Sample("// A manager of sessions.\nlet text = \"struct Helper {}\""),
    ]
  ) { file in
    func vague(_ name: String) -> String? {
      camelCaseWords(name).first { ["Manager", "Helper", "Util", "Common", "Managers", "Helpers", "Utils"].contains($0) }
    }
    let inFile = vague(String(file.name.prefix { $0 != "." })).map { [file.finding(1, "the file's name says \($0)")] } ?? []
    let types = file.declarations.filter { $0.kind.isType && $0.kind != .extension || $0.kind == .alias }
    return inFile
      + types.compactMap { type in
        vague(type.name).map { file.finding(type.lines.lowerBound, "\(type.name) says \($0)", subject: type.name) }
      }
  }

  static let publicNames = Rule(
    name: "publicNames",
    sentence: "Nothing is public: Muster is a program, and its targets see each other through package",
    bad: [Sample("public struct Slot {}"), Sample("open class Plane {}")],
    good: [
      Sample("package struct Slot {}\nlet a = 1  // public"),
      Sample("func open() {}\nlet b = shard.open(remote: a)\nfunc c(public: Int) {}\nlet d = \"public struct\""),
    ]
  ) { file in
    guard file.area == "Sources" else { return [] }
    let declared: Set = [
      "struct", "class", "enum", "actor", "protocol", "extension", "typealias", "func", "init", "subscript", "var", "let",
      "static", "final", "import", "mutating", "nonisolated", "indirect", "override", "convenience",
    ]
    return file.findings { index in
      let isModifier = ["public", "open"].contains(file.word(index)) && declared.contains(file.word(index + 1))
      return isModifier && file.word(index - 1) != "." ? "\(file.word(index)) where package would do" : nil
    }
  }

  static let testNames = Rule(
    name: "testNames",
    sentence: "A test is named by a sentence that says what must hold",
    bad: [
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "@Test func wheel() {}"),
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "@Test(arguments: [1]) func wheel(a: Int) {}"),
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "@Test(\"issue 12\") func wheel() {}"),
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "@Test(\"wheel\") func wheel() {}"),
    ],
    good: [
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "@Test(\"a beat renews the lease\") func wheel() {}"),
      Sample(in: "Tests/MusterEngineTests/Sample.swift", "@Test(\n  \"no two handles share\", arguments: [1])\nfunc a() {}"),
    ]
  ) { file in
    guard file.isTest else { return [] }
    return file.findings { index in
      guard file.word(index) == "@Test" else { return nil }
      guard file.word(index + 1) == "(", file.tokens.indices.contains(index + 2), file.tokens[index + 2].kind == .string
      else { return "this test has no name" }
      let words = file.tokens[index + 2].text.split(separator: " ").filter { word in word.contains(where: \.isLetter) }
      return words.count < 2 ? "\"\(file.tokens[index + 2].text)\" says nothing about what must hold" : nil
    }
  }

  /// `HTTPFrameReader` is HTTP, Frame, Reader.
  private static func camelCaseWords(_ name: String) -> [String] {
    var words: [String] = []
    let letters = Array(name)
    for (index, letter) in letters.enumerated() {
      let next = index + 1 < letters.count ? letters[index + 1] : nil
      let follows = index > 0 && (!letters[index - 1].isUppercase || next?.isLowercase == true)
      if words.isEmpty || letter.isUppercase && follows || !letter.isLetter { words.append("") }
      words[words.count - 1].append(letter)
    }
    return words
  }
}
