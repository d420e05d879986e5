// swift-tools-version: 6.2

import PackageDescription

/// CI and `make test` turn every warning into an error; a user's build with a newer compiler does not break on one.
let strict = Context.environment["MUSTER_STRICT"] == "1"

let settings: [SwiftSetting] =
  [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
  ] + (strict ? [.treatAllWarnings(as: .error)] : [])

/// For what every heartbeat passes through.
///
/// Debug builds, and so all tests, check at run time that no two accesses to a property overlap; release builds leave that out, a
/// sixth of the instructions of a heartbeat that comes alone.
let hotSettings = settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let package = Package(
  name: "muster",
  platforms: [.macOS(.v26)],
  products: [
    .executable(name: "muster", targets: ["MusterCLI"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["JSON", "YAML"]),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // L0: words and bytes.
    .target(name: "MusterModel", swiftSettings: settings),
    .target(name: "MusterJSON", swiftSettings: settings),
    // Threads, and locks that the thread sanitizer knows.
    .target(name: "MusterThreads", dependencies: ["CLinux"], swiftSettings: settings),

    // L1: what Muster exists for. No I/O.
    .target(
      name: "MusterEngine",
      dependencies: ["CMemory", "MusterModel", "MusterJSON", "MusterThreads"],
      swiftSettings: hotSettings
    ),
    .target(name: "MusterWire", dependencies: ["MusterModel", "MusterJSON"], swiftSettings: settings),

    // What both edges ask before they let anybody in.
    .target(name: "MusterAccess", dependencies: ["MusterEngine", "MusterModel"], swiftSettings: settings),

    // The log, the snapshots and recovery: files, and nothing of the network.
    .target(
      name: "MusterStorage", dependencies: ["CLinux", "CZstd", "MusterEngine", "MusterModel", "MusterThreads"],
      swiftSettings: settings),

    // Tests only: manual time, manual turns, seeded randomness, simulated disks.
    .target(
      name: "MusterTestKit", dependencies: ["MusterEngine", "MusterModel", "MusterStorage", "MusterThreads"],
      swiftSettings: settings),

    // What every transport of WebSockets drives: no sockets in it.
    .target(
      name: "MusterEdge",
      dependencies: ["MusterAccess", "MusterEngine", "MusterJSON", "MusterModel", "MusterThreads", "MusterWire"],
      swiftSettings: settings),

    // L2: edges.
    .target(
      name: "MusterReactor",
      dependencies: [
        "CLinux", "MusterAccess", "MusterEdge", "MusterEngine", "MusterJSON", "MusterModel", "MusterThreads", "MusterWire",
      ],
      swiftSettings: hotSettings),
    .target(
      name: "MusterGateway",
      dependencies: [
        "MusterAccess", "MusterEdge", "MusterEngine", "MusterJSON", "MusterModel", "MusterReactor", "MusterWire",
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "MusterHTTP",
      dependencies: [
        "MusterAccess", "MusterEngine", "MusterModel", "MusterJSON", "MusterWire",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
      ],
      swiftSettings: settings
    ),

    // L3: assembly.
    .target(
      name: "MusterServer",
      dependencies: [
        "MusterAccess", "MusterEdge", "MusterEngine", "MusterGateway", "MusterHTTP", "MusterModel", "MusterReactor",
        "MusterStorage", "MusterThreads", "MusterWire",
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings
    ),

    // Prefetching and large pages, on every platform.
    .systemLibrary(name: "CMemory"),
    // A few calls of Linux that Glibc's module does not show.
    .systemLibrary(name: "CLinux"),
    // Compression of snapshots, 1.5 or newer.
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),

    // The load generator: raw sockets, nothing of the server.
    .target(
      name: "MusterBench",
      dependencies: [
        "CLinux", "CMemory", "MusterEngine", "MusterModel", "MusterJSON", "MusterStorage", "MusterThreads", "MusterWire",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      swiftSettings: settings
    ),

    // What an operator has against loss: drills on real server processes, and a look into data directories.
    .target(
      name: "MusterDrill",
      dependencies: ["MusterEngine", "MusterJSON", "MusterModel", "MusterStorage", "MusterThreads", "MusterWire"],
      swiftSettings: settings),

    // What callgrind runs: see .ci/budgets.
    .executableTarget(
      name: "MusterBudgets",
      dependencies: ["MusterAccess", "MusterEdge", "MusterEngine", "MusterJSON", "MusterModel", "MusterReactor", "MusterWire"],
      path: "Benchmarks/Budgets", swiftSettings: settings),

    // L4: the command line.
    .executableTarget(
      name: "MusterCLI",
      dependencies: [
        "MusterBench", "MusterDrill", "MusterServer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings
    ),

    .testTarget(name: "MusterJSONTests", dependencies: ["MusterJSON"], swiftSettings: settings),
    .testTarget(name: "MusterWireTests", dependencies: ["MusterJSON", "MusterModel", "MusterWire"], swiftSettings: settings),
    .testTarget(
      name: "MusterEngineTests",
      dependencies: ["MusterEngine", "MusterJSON", "MusterModel", "MusterTestKit", "MusterThreads"],
      swiftSettings: settings
    ),
    .testTarget(
      name: "MusterBenchTests",
      dependencies: ["CLinux", "MusterBench", "MusterEngine", "MusterJSON", "MusterModel", "MusterThreads", "MusterWire"],
      swiftSettings: settings),
    .testTarget(
      name: "MusterDrillTests",
      dependencies: ["MusterDrill", "MusterEngine", "MusterJSON", "MusterModel", "MusterStorage", "MusterThreads"],
      swiftSettings: settings),
    .testTarget(
      name: "MusterEdgeTests", dependencies: ["MusterEdge", "MusterEngine", "MusterModel", "MusterWire"],
      swiftSettings: settings),
    .testTarget(
      name: "MusterReactorTests",
      dependencies: [
        "CLinux", "MusterAccess", "MusterEdge", "MusterEngine", "MusterModel", "MusterReactor", "MusterTestKit", "MusterThreads",
        "MusterWire",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "MusterStorageTests",
      dependencies: ["MusterEngine", "MusterModel", "MusterStorage", "MusterTestKit", "MusterThreads"],
      swiftSettings: settings),
    .testTarget(name: "MusterAccessTests", dependencies: ["MusterAccess", "MusterModel"], swiftSettings: settings),
    .testTarget(
      name: "MusterGatewayTests",
      dependencies: [
        "MusterAccess", "MusterEdge", "MusterEngine", "MusterGateway", "MusterJSON", "MusterModel", "MusterWire",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "MusterHTTPTests",
      dependencies: [
        "MusterAccess", "MusterEngine", "MusterHTTP", "MusterModel", "MusterTestKit",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "MusterServerTests",
      dependencies: [
        "MusterAccess", "MusterEdge", "MusterEngine", "MusterJSON", "MusterModel", "MusterServer", "MusterStorage",
        "MusterTestKit", "MusterWire",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: settings
    ),
    .testTarget(name: "TidyTests", dependencies: ["CZstd", "MusterModel"], swiftSettings: settings),
    // Starts the built `muster`, so it links nothing of it.
    .testTarget(name: "InteropTests", exclude: ["Clients"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
