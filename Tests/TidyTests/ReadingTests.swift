import Testing

@Suite("The rules read Swift as the compiler does, as far as they need it")
struct ReadingTests {
  @Test("words in comments and strings are no code, code in interpolations is")
  func strings() {
    let lexer = Lexer(
      ##"""
      /* outer /* inner */ still outer */ let a = "quoted \" brace { \(call("}")) end"
      let b = #"raw \(not code) "quoted""# + #"\#(code)"#
      let c = """
        "many" lines { \(more)
        """
      let d = x.split(separator: /[{"]+/), e = f / g / h
      """##)
    let words = lexer.tokens.filter { $0.kind == .word }.map(\.text)
    #expect(
      words == [
        "let", "a", "call", "let", "b", "code", "let", "c", "more", "let", "d", "x", "split", "separator", "e", "f", "g", "h",
      ])
    #expect(!lexer.tokens.contains { $0.kind == .symbol && $0.text == "{" })
    #expect(lexer.tokens.first { $0.text == "d" }?.line == 6)
    #expect(lexer.comments == [1: "/* outer /* inner */ still outer */"])
  }

  @Test("declarations are found with their labels, lines and owners, whatever their headers look like")
  func declarations() {
    let source = """
      package actor Shard<T: Sequence>: Owner where T.Element == Int {
        nonisolated(unsafe) static let table: [String: () -> Void] = ["a": { }]
        var count: Int { rows.count }
        init?(_ rows: [Int], limit: Int = Int.max) throws(Refusal) {
          self.init(rows)
        }
        func fire<Body: Sendable>(
          at now: Tick, _ body: @escaping (Int) async -> Void
        )
          async throws -> [Int]
          where Body: Hashable
        {
          func inner(a: Int) {}
          let local = 1
          switch now { case .zero: break; default: break }
        }
        subscript(index: Int) -> Int { rows[index] }
        class func make() {}
        static func < (left: Self, right: Self) -> Bool { false }
      }
      protocol Port {
        func send(_ reply: Reply, to request: Int)
        var now: Tick { get }
      }
      enum Kind { case near, far(Int, ticks: [Int]), other(UInt32) }
      """
    let found = DeclarationParser(Lexer(source).tokens).declarations
    #expect(
      found.map(\.signature) == [
        "Shard", "table", "count", "init(_:limit:)", "fire(at:_:)", "inner(a:)", "subscript(_:)", "make()", "<(left:right:)",
        "Port",
        "send(_:to:)", "now", "Kind", "near", "far(_:ticks:)", "other(_:)",
      ])
    #expect(found.filter(\.isAsync).map(\.name) == ["fire"])
    #expect(found.first { $0.name == "fire" }?.lines == 7...16)
    #expect(found.first { $0.name == "Shard" }?.lines == 1...20)
    #expect(found.filter(\.isFunction).map(\.name) == ["count", "init", "fire", "inner", "subscript", "make", "<", "now"])
    #expect(found.first { $0.name == "send" }?.parent == "Port")
  }
}
