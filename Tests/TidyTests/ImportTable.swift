/// Which modules a target may import; what is not here is forbidden.
///
/// Arrows point downwards only: a need that points up is a protocol declared by the lower layer.
struct ImportTable: Sendable {
  struct Row: Sendable {
    var ours: Set<String> = []
    var others: Set<String> = []
    /// Whole families, by the beginning of the module's name.
    var families: [String] = []

    func allows(_ module: String) -> Bool {
      ours.contains(module) || others.contains(module) || families.contains { module.hasPrefix($0) }
    }
  }

  let rows: [String: Row]

  static let muster = ImportTable(rows: [
    // L0: words and bytes. No Foundation.
    "MusterModel": Row(),
    "MusterJSON": Row(),
    "MusterThreads": Row(ours: ["CLinux"], others: ["Darwin", "Glibc", "Musl"]),
    "CLinux": Row(),
    "CMemory": Row(),
    "CZstd": Row(),

    // L1: what Muster exists for. No I/O, no Foundation, no NIO.
    "MusterEngine": Row(ours: ["CMemory", "MusterModel", "MusterJSON", "MusterThreads"], others: ["Synchronization"]),
    "MusterWire": Row(ours: ["MusterModel", "MusterJSON"]),

    "MusterStorage": Row(
      ours: ["CLinux", "CZstd", "MusterEngine", "MusterModel", "MusterThreads"],
      others: ["Darwin", "Glibc", "Musl", "Synchronization"]),

    // L2: edges, and what both of them ask before they let anybody in.
    "MusterAccess": Row(ours: ["MusterEngine", "MusterModel"]),
    "MusterEdge": Row(
      ours: ["MusterAccess", "MusterEngine", "MusterModel", "MusterJSON", "MusterThreads", "MusterWire"],
      others: ["Darwin", "Glibc", "Musl", "Synchronization"]),
    "MusterReactor": Row(
      ours: [
        "CLinux", "MusterAccess", "MusterEdge", "MusterEngine", "MusterModel", "MusterJSON", "MusterThreads", "MusterWire",
      ],
      others: ["Glibc", "Synchronization"]),
    "MusterGateway": Row(
      ours: [
        "MusterAccess", "MusterEdge", "MusterEngine", "MusterModel", "MusterJSON", "MusterReactor", "MusterWire",
      ],
      // The C library of the platform, to duplicate a descriptor that is handed over.
      others: ["Darwin", "Glibc", "HTTPTypes", "HummingbirdCore", "Logging", "Musl", "Synchronization"],
      families: ["NIO"]),
    "MusterHTTP": Row(
      ours: ["MusterAccess", "MusterEngine", "MusterModel", "MusterJSON", "MusterWire"],
      others: ["HTTPTypes", "Hummingbird", "Logging", "NIOCore", "Synchronization"]),

    // L3: assembly, and the load generator beside it.
    "MusterServer": Row(
      ours: [
        "MusterAccess", "MusterEdge", "MusterEngine", "MusterGateway", "MusterHTTP", "MusterJSON", "MusterModel",
        "MusterReactor", "MusterStorage", "MusterThreads", "MusterWire",
      ],
      others: [
        "Configuration", "Crypto", "Hummingbird", "HummingbirdCore", "Logging", "ServiceLifecycle", "Synchronization",
        "SystemPackage", "UnixSignals",
        // The wall clock.
        "Foundation", "FoundationEssentials",
        // The C library of the platform, for sockets and limits.
        "Darwin", "Glibc", "Musl",
      ],
      families: ["NIO"]),
    "MusterBench": Row(
      ours: ["CLinux", "CMemory", "MusterEngine", "MusterModel", "MusterJSON", "MusterStorage", "MusterThreads", "MusterWire"],
      others: ["Glibc", "Histogram", "Synchronization"]),
    "MusterDrill": Row(
      ours: ["MusterEngine", "MusterJSON", "MusterModel", "MusterStorage", "MusterThreads", "MusterWire"],
      others: ["Glibc", "Synchronization"]),

    // L4: the command line.
    "MusterCLI": Row(
      ours: ["MusterBench", "MusterDrill", "MusterServer"], others: ["ArgumentParser", "Darwin", "Glibc", "Logging", "Musl"]),

    // What callgrind counts the instructions of.
    "Budgets": Row(
      ours: ["MusterAccess", "MusterEdge", "MusterEngine", "MusterModel", "MusterJSON", "MusterReactor", "MusterWire"],
      // The C library, for the ends of sockets that clients have.
      others: ["Glibc"]),

    // For tests only.
    "MusterTestKit": Row(
      ours: ["MusterEngine", "MusterModel", "MusterJSON", "MusterStorage", "MusterThreads"],
      // The C library of the platform, for the thread of the loopback executor.
      others: ["Darwin", "Glibc", "Musl", "Synchronization"]),
    "TidyTests": Row(ours: ["CZstd", "MusterModel"], others: ["Foundation", "Testing"]),
    "Fuzzing": Row(
      ours: ["MusterEngine", "MusterModel", "MusterStorage", "MusterTestKit", "MusterWire"], others: ["Glibc"]),
    "InteropTests": Row(others: ["Foundation", "Glibc", "Synchronization", "Testing"]),
  ])

  /// The row of a target.
  ///
  /// The tests of a library may import the library, and what the library may.
  func row(of target: String) -> Row? {
    if let row = rows[target] { return row }
    guard target.hasSuffix("Tests"), var row = rows[String(target.dropLast("Tests".count))] else { return nil }
    row.ours.formUnion([String(target.dropLast("Tests".count)), "MusterTestKit", "MusterThreads"])
    row.others.formUnion(["Foundation", "Glibc", "Synchronization", "Testing"])
    // A channel that is none, for the context of a request.
    if row.others.contains("Hummingbird") { row.others.insert("NIOEmbedded") }
    return row
  }

  /// The forbidden imports of a source.
  func check(_ file: SourceFile) -> [Finding] {
    guard !file.target.isEmpty, file.path.hasSuffix(".swift") else { return [] }
    guard let row = row(of: file.target) else {
      return [file.finding(1, "the target \(file.target) is not in the import table")]
    }
    return file.imports.filter { !row.allows($0.module) }.map {
      file.finding($0.line, "\(file.target) must not import \($0.module)", subject: $0.module)
    }
  }
}

extension SourceFile {
  /// Every imported module, without submodules and symbols.
  var imports: [(module: String, line: Int)] {
    let kinds: Set = ["struct", "class", "enum", "func", "protocol", "typealias", "var", "let"]
    return tokens.indices.compactMap { index in
      guard word(index) == "import", index == 0 || tokens[index - 1].line < tokens[index].line || isImportModifier(index - 1)
      else { return nil }
      let module = kinds.contains(word(index + 1)) ? word(index + 2) : word(index + 1)
      return (module, tokens[index].line)
    }
  }

  private func isImportModifier(_ index: Int) -> Bool {
    ["public", "package", "internal", "fileprivate", "private"].contains(word(index)) || word(index).hasPrefix("@")
  }
}
