import Foundation

/// A source as the rules see it.
struct SourceFile: Sendable {
  /// From the root of the package: `Sources/MusterEngine/Tables/Slot.swift`.
  let path: String
  let lines: [String]
  /// Empty for what is not Swift.
  let tokens: [Token]
  /// The text of the comment on each line that has one.
  let comments: [Int: String]
  let declarations: [Declaration]
  /// The lines that hold any code.
  private let codeLines: Set<Int>

  init(path: String, text: String) {
    self.path = path
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last?.isEmpty == true { lines.removeLast() }
    self.lines = lines
    guard path.hasSuffix(".swift") else {
      tokens = []
      comments = [:]
      declarations = []
      codeLines = []
      return
    }
    let lexer = Lexer(text)
    tokens = lexer.tokens
    comments = lexer.comments
    declarations = DeclarationParser(tokens).declarations
    codeLines = Set(tokens.map(\.line))
  }

  private var components: [Substring] { path.split(separator: "/") }

  /// `Sources` or `Tests`; empty for `Package.swift`.
  var area: String { components.count > 1 ? String(components[0]) : "" }

  /// The target it belongs to, by the name of its folder.
  var target: String { components.count > 2 ? String(components[1]) : "" }

  /// The last part of the path, with its extension.
  var name: String { components.last.map(String.init) ?? "" }

  var isTest: Bool { area == "Tests" || target == "MusterTestKit" }

  /// The text of a token that is no string literal; empty where there is none.
  func word(_ index: Int) -> String {
    tokens.indices.contains(index) && tokens[index].kind != .string ? tokens[index].text : ""
  }

  /// Whether these tokens stand in a row from `index`.
  func has(_ words: [String], at index: Int) -> Bool {
    words.indices.allSatisfy { word(index + $0) == words[$0] }
  }

  /// The comments directly above a line, from the nearest: attributes may stand between, an empty line may not.
  func commentsAbove(_ line: Int) -> [String] {
    var found: [String] = []
    var line = line - 1
    while line > 0 {
      if codeLines.contains(line) {
        guard lines[line - 1].drop(while: { $0 == " " }).hasPrefix("@") else { break }
      } else if let comment = comments[line] {
        found.append(comment)
      } else {
        break
      }
      line -= 1
    }
    return found
  }

  /// The innermost function around a line, if there is one.
  func function(around line: Int) -> Declaration? {
    innermost(around: line, where: \.isFunction)
  }

  /// The innermost type or extension around a line, if there is one.
  func type(around line: Int) -> Declaration? {
    innermost(around: line, where: \.kind.isType)
  }

  private func innermost(around line: Int, where fits: (Declaration) -> Bool) -> Declaration? {
    declarations.filter { fits($0) && $0.lines.contains(line) }.min { $0.lines.count < $1.lines.count }
  }
}

/// The package as it lies on disk.
struct SourceTree: Sendable {
  let root: URL
  /// Every source and script under `Sources`, `Tests` and `Benchmarks`, and `Package.swift`.
  let files: [SourceFile]
  /// The pages of the documentation catalogues, and the README.
  let pages: [SourceFile]

  /// The tree that this test was compiled from.
  static let current = SourceTree(root: URL(filePath: #filePath).resolvingSymlinksInPath().ancestor(4))

  init(root: URL) {
    self.root = root
    let paths = ["Sources", "Tests", "Benchmarks"].flatMap { Self.paths(under: $0, of: root) }
    func read(_ path: String) -> SourceFile? {
      (try? String(contentsOf: root.appending(path: path), encoding: .utf8)).map { SourceFile(path: path, text: $0) }
    }
    let sources = paths.filter { path in [".swift", ".py", ".js", ".h", ".c"].contains { path.hasSuffix($0) } }
    files = (["Package.swift"] + sources).compactMap(read)
    pages = (["README.md"] + paths.filter { $0.hasSuffix(".md") }).compactMap(read)
  }

  var swift: [SourceFile] { files.filter { $0.path.hasSuffix(".swift") } }

  /// The pages of the documentation catalogues.
  var catalogue: [SourceFile] { pages.filter { $0.path.contains(".docc/") } }

  private static func paths(under folder: String, of root: URL) -> [String] {
    guard let entries = FileManager.default.enumerator(atPath: root.appending(path: folder).path) else { return [] }
    return entries.compactMap { $0 as? String }.sorted().map { "\(folder)/\($0)" }
  }

  /// The names in a folder, without those that git is told to ignore.
  func entries(of folder: String = "") -> [String] {
    let ignored = (try? String(contentsOf: root.appending(path: ".gitignore"), encoding: .utf8)) ?? ""
    let names = ignored.split(separator: "\n").map { $0.hasSuffix("/") ? String($0.dropLast()) : String($0) }
    let found = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? []
    return found.filter { !names.contains($0) && $0 != ".git" }.sorted()
  }
}

extension URL {
  /// The folder so many steps up.
  fileprivate func ancestor(_ steps: Int) -> URL {
    (0..<steps).reduce(self) { url, _ in url.deletingLastPathComponent() }
  }
}
