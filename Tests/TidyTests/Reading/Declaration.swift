/// Something that a source declares, with the lines it covers.
struct Declaration: Equatable {
  enum Kind: String {
    case `struct`, `class`, `enum`, actor, `protocol`, `extension`
    case function = "func"
    case initializer = "init"
    case deinitializer = "deinit"
    case `subscript`
    case property
    case `case`
    case alias

    /// Whether members stand in its braces.
    var isType: Bool {
      switch self {
      case .struct, .class, .enum, .actor, .protocol, .extension: true
      default: false
      }
    }
  }

  let kind: Kind
  /// The name; of an extension the whole extended type with its dots.
  let name: String
  /// The argument labels of what is called with parentheses, `_` for none.
  var labels: [String]?
  /// The lines from the keyword to the closing brace, or to the end of the header.
  var lines: ClosedRange<Int>
  /// The tokens from the keyword to the brace of the body, or to the end of the header.
  var header = 0..<0
  /// Whether the header says `async`.
  var isAsync = false
  /// Whether it has statements in braces: a function with a body, a computed property.
  var hasBody = false
  /// The name of the type in whose braces it stands; `nil` at the top of a file.
  var parent: String?

  /// The name as documentation links write it: `advance(to:limit:)`.
  var signature: String {
    guard let labels else { return name }
    return "\(name)(\(labels.map { "\($0):" }.joined()))"
  }

  /// Whether its lines are counted as those of a function.
  var isFunction: Bool {
    switch kind {
    case .function, .initializer, .deinitializer, .subscript, .property: hasBody
    default: false
    }
  }
}

/// Finds the declarations in a row of tokens.
///
/// It knows as much of Swift's grammar as the rules need: which braces belong to which declaration, argument labels, and
/// whether a function is `async`. Local variables are left out.
struct DeclarationParser {
  private(set) var declarations: [Declaration] = []

  private let tokens: [Token]
  /// The declaration whose body begins at this token.
  private var bodies: [Int: Int] = [:]
  /// One for each open brace: the declaration it belongs to.
  private var open: [Int?] = []

  init(_ tokens: [Token]) {
    self.tokens = tokens
    var index = 0
    while index < tokens.count {
      switch tokens[index].text {
      case "{" where tokens[index].kind == .symbol:
        open.append(bodies[index])
      case "}" where tokens[index].kind == .symbol:
        if let owner = open.popLast().flatMap({ $0 }) {
          let first = declarations[owner].lines.lowerBound
          declarations[owner].lines = first...tokens[index].line
        }
      default:
        if tokens[index].kind == .word { keyword(at: index) }
      }
      index += 1
    }
  }

  /// The innermost declaration around the current place, if its braces are the innermost.
  private var owner: Declaration? {
    open.last.flatMap { $0 }.map { declarations[$0] }
  }

  private var isAmongMembers: Bool { open.isEmpty || owner?.kind.isType == true }

  private func text(_ index: Int) -> String {
    tokens.indices.contains(index) && tokens[index].kind != .string ? tokens[index].text : ""
  }

  private mutating func keyword(at index: Int) {
    guard text(index - 1) != ".", text(index + 1) != ":" else { return }
    switch tokens[index].text {
    case "struct", "enum", "actor", "protocol", "extension", "class":
      type(at: index)
    case "func":
      callable(.function, at: index, name: index + 1)
    case "init" where isAmongMembers:
      callable(.initializer, at: index, name: index)
    case "subscript" where isAmongMembers:
      callable(.subscript, at: index, name: index)
    case "deinit" where isAmongMembers:
      add(Declaration(kind: .deinitializer, name: "deinit", lines: line(index)...line(index)), at: index, header(from: index + 1))
    case "var" where isAmongMembers, "let" where isAmongMembers:
      property(at: index)
    case "case" where owner?.kind == .enum:
      cases(at: index)
    case "typealias", "associatedtype":
      add(
        Declaration(kind: .alias, name: text(index + 1), lines: line(index)...line(index)), at: index,
        Header(end: lastOnLine(index)))
    default: break
    }
  }

  private func line(_ index: Int) -> Int { tokens[index].line }

  private func lastOnLine(_ index: Int) -> Int {
    (index..<tokens.count).prefix { line($0) == line(index) }.last ?? index
  }

  private mutating func add(_ declaration: Declaration, at index: Int, _ header: Header) {
    var declaration = declaration
    declaration.parent = owner?.name
    declaration.header = index..<max(index, header.end) + 1
    declaration.lines = declaration.lines.lowerBound...max(declaration.lines.lowerBound, line(header.end))
    declaration.isAsync = header.isAsync
    if let brace = header.brace {
      declaration.hasBody = true
      bodies[brace] = declarations.count
    }
    declarations.append(declaration)
  }

  private mutating func type(at index: Int) {
    guard index + 1 < tokens.count, tokens[index + 1].kind == .word else { return }
    // `class func` is a modifier; `class` in a protocol's bound is followed by a bracket and never comes here.
    if ["func", "var", "let", "subscript", "override", "final"].contains(text(index + 1)) { return }
    guard let kind = Declaration.Kind(rawValue: tokens[index].text) else { return }
    var name = text(index + 1)
    var end = index + 2
    while text(end) == ".", end + 1 < tokens.count {
      name += "." + text(end + 1)
      end += 2
    }
    guard let brace = (end..<tokens.count).first(where: { text($0) == "{" }) else { return }
    add(Declaration(kind: kind, name: name, lines: line(index)...line(brace)), at: index, Header(end: brace, brace: brace))
  }

  private mutating func callable(_ kind: Declaration.Kind, at index: Int, name: Int) {
    guard var open = (name..<tokens.count).first(where: { text($0) == "(" || text($0) == "{" }), text(open) == "(" else {
      return
    }
    // An operator's name is not a word; the words are all one token long.
    let spelling = tokens[name].kind == .word ? text(name) : (name..<open).map(text).joined()
    if text(name + 1) == "<" { open = afterGenerics(name + 1) }
    guard text(open) == "(" else { return }
    let (labels, close) = parameters(from: open, isSubscript: kind == .subscript)
    var declaration = Declaration(kind: kind, name: spelling, lines: line(index)...line(close))
    declaration.labels = labels
    add(declaration, at: index, header(from: close + 1))
  }

  /// The place behind the `>` that closes the `<` at `start`.
  private func afterGenerics(_ start: Int) -> Int {
    var depth = 0
    for index in start..<tokens.count {
      if text(index) == "<" { depth += 1 }
      if text(index) == ">" { depth -= 1 }
      if depth == 0 { return index + 1 }
    }
    return tokens.count
  }

  /// The labels between a bracket and its counterpart, and where that is.
  private func parameters(from open: Int, isSubscript: Bool = false) -> ([String], Int) {
    var labels: [String] = []
    var depth = 0
    var first = open + 1
    for index in open..<tokens.count {
      switch text(index) {
      case "(", "[", "{", "<": depth += 1
      case ")", "]", "}", ">": depth -= 1
      default: break
      }
      guard depth == 0 || (depth == 1 && text(index) == ",") else { continue }
      if index > first { labels.append(label(first, index, isSubscript: isSubscript)) }
      first = index + 1
      if depth == 0 { return (labels, index) }
    }
    return (labels, tokens.count - 1)
  }

  private func label(_ first: Int, _ end: Int, isSubscript: Bool) -> String {
    var words: [String] = []
    for index in first..<end where !text(index).hasPrefix("@") {
      if text(index) == ":" { break }
      if tokens[index].kind != .word || index == end - 1 {
        // No colon: the type of an associated value without a label.
        return "_"
      }
      words.append(text(index))
    }
    if isSubscript && words.count < 2 { return "_" }
    return words.first ?? "_"
  }

  /// Where a header ends, and the brace of its body.
  private struct Header {
    var end: Int
    var brace: Int?
    var isAsync = false
  }

  /// Reads on from behind the parameters, or a property's name, to the body or to the end of the statement.
  private func header(from start: Int) -> Header {
    var header = Header(end: max(0, start - 1))
    var depth = 0
    var index = start
    while index < tokens.count {
      let word = text(index)
      if depth == 0 {
        if word == "{" {
          header.brace = index
          header.end = index
          return header
        }
        if word == "=" || word == "}" || word == ")" || word == ";" || word == "," { return header }
        if line(index) > line(index - 1), !continues(index) { return header }
        if word == "async" { header.isAsync = true }
      }
      if word == "(" || word == "[" { depth += 1 }
      if word == ")" || word == "]" { depth -= 1 }
      header.end = index
      index += 1
    }
    return header
  }

  /// Whether a token at the beginning of a line belongs to the header above it.
  private func continues(_ index: Int) -> Bool {
    let leading: Set = ["async", "throws", "rethrows", "->", "where", "{", "&", "==", ":", "."]
    let trailing: Set = ["->", "where", "&", "==", ":", ",", "throws", "async", "any", "some", "sending"]
    return leading.contains(text(index)) || trailing.contains(text(index - 1))
  }

  private mutating func property(at index: Int) {
    guard index + 1 < tokens.count, tokens[index + 1].kind == .word else { return }
    let declaration = Declaration(kind: .property, name: text(index + 1), lines: line(index)...line(index))
    add(declaration, at: index, header(from: index + 2))
  }

  private mutating func cases(at index: Int) {
    var next = index + 1
    while next < tokens.count, tokens[next].kind == .word {
      var declaration = Declaration(kind: .case, name: text(next), lines: line(next)...line(next))
      let start = next
      next += 1
      if text(next) == "(" {
        let (labels, close) = parameters(from: next)
        declaration.labels = labels
        next = close + 1
      }
      if text(next) == "=" { next += text(next + 1) == "-" ? 3 : 2 }
      add(declaration, at: start, Header(end: next - 1))
      guard text(next) == "," else { return }
      next += 1
    }
  }
}
