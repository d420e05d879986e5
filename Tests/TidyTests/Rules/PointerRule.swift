extension Rule {
  /// Finds unsafe memory without a reason.
  ///
  /// Precisely: a `// SAFETY:` comment stands directly above the declaration of the type around, or directly above the function
  /// around, or directly above a line between the function's header and the use. Outside of functions the use is a stored
  /// property. A pointer in a function's header is no use: it is the caller's.
  static let pointers = Rule(
    name: "pointers",
    sentence: "Who works with unsafe memory says why that holds, in a SAFETY line above the type, the function or the use",
    bad: badPointers,
    good: goodPointers
  ) { file in
    guard file.area == "Sources" else { return [] }
    return file.tokens.enumerated().compactMap { index, token in
      guard token.kind == .word, isUnsafe(token.text), !file.isInHeader(index) else { return nil }
      let function = file.function(around: token.line)
      let first = function?.lines.lowerBound ?? file.headerStart(of: token.line)
      let type = file.type(around: token.line)?.lines.lowerBound
      guard !(first...token.line).contains(where: file.saysWhy(above:)), !(type.map(file.saysWhy(above:)) ?? false) else {
        return nil
      }
      return file.finding(token.line, "\(token.text) without a SAFETY line", subject: function?.signature ?? "")
    }
  }

  private static func isUnsafe(_ word: String) -> Bool {
    if word.hasPrefix("Unsafe"), word.hasSuffix("Pointer") { return true }
    let words: Set = [
      "Unmanaged", "OpaquePointer", "unsafeBitCast", "unsafeDowncast", "unsafelyUnwrapped", "assumingMemoryBound", "bindMemory",
      "baseAddress", "unsafeUninitializedCapacity", "withContiguousStorageIfAvailable", "withContiguousMutableStorageIfAvailable",
    ]
    return word.hasPrefix("withUnsafe") || words.contains(word)
  }

  private static let badPointers = [
    Sample("func cast(_ a: A) -> B { unsafeBitCast(a, to: B.self) }"),
    Sample(
      """
      struct Column {
        private let base: UnsafeMutablePointer<UInt32>
      }
      """),
    Sample(
      """
      func sum(_ a: [UInt8]) -> Int {
        a.withUnsafeBytes { $0.count }
      }
      """),
    Sample(
      """
      // SAFETY: not of this function.
      func a() {}
      func b(_ p: A) { UnsafeRawPointer(p).read() }
      """),
    Sample(
      """
      // SAFETY: each method reads below count only.
      struct Column {}
      extension Column {
        func b(_ p: A) { p.baseAddress }
      }
      """),
    Sample(
      """
      func b(_ a: [UInt8]) {
        a.withUnsafeBytes { use($0) }
        // SAFETY: too late for the first.
        a.withUnsafeBytes { use($0) }
      }
      """),
  ]

  private static let goodPointers = [
    Sample(in: "Tests/MusterWireTests/Sample.swift", "let a = UnsafeRawPointer(b)"),
    Sample(
      """
      struct Column {
        /// The rows.
        // SAFETY: owned by this value, freed in deinit.
        private let base: UnsafeMutablePointer<UInt32>
      }
      """),
    Sample(
      """
      // SAFETY: each method reads below count only.
      struct Column {
        private let base: UnsafeRawPointer
        func a() { base.withUnsafeA() }
      }
      """),
    Sample(
      """
      // SAFETY: the closure only reads.
      func sum(_ a: [UInt8]) -> Int {
        a.withUnsafeBytes { $0.count }
      }
      """),
    Sample(
      """
      func sum(_ a: [UInt8]) -> Int {
        // SAFETY: the closures only read.
        a.withUnsafeBytes { $0.count }
          + a.withUnsafeBytes { $0.count }
      }
      """),
    Sample(
      """
      typealias Page = UnsafeRawPointer
      var a: UnsafeRawPointer {
        b
      }
      func c(_ p: UnsafeRawPointer, _ body: (UnsafeRawPointer) -> Void) -> UnsafeRawPointer {
        p
      }
      """),
  ]
}

extension SourceFile {
  /// Whether a token belongs to the header of a function, a computed property or an alias.
  fileprivate func isInHeader(_ index: Int) -> Bool {
    declarations.contains { $0.header.contains(index) && !($0.kind == .property && !$0.hasBody) && !$0.kind.isType }
  }
}
