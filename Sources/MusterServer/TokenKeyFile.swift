import MusterStorage

/// The secret behind the session tokens, kept in the data directory so that tokens outlive a restart.
///
/// Made at the first start. It comes into being under another name and is synced before it gets its own, so it is either whole or
/// not there. A directory that has a log or a snapshot has it too: without it, or with another one, everybody who is in them would
/// silently be locked out.
///
/// | bytes | |
/// | --- | --- |
/// | 0..<32 | the secret |
/// | 32..<36 | CRC-32C of it, little-endian |
enum TokenKeyFile {
  static let name = "token.key"
  private static let draft = "token.key.new"
  private static let secretBytes = 32
  private static let sumBytes = 4

  /// Whether a file of the data directory belongs to this.
  static func isKnown(_ file: String) -> Bool { file == name || file == draft }

  /// Reads the secret, or makes one.
  ///
  /// - Parameters:
  ///   - disk: The data directory.
  ///   - isNew: Whether nothing is in the directory yet that a secret belongs to.
  /// - Returns: The secret.
  /// - Throws: ``TokenKeyError`` when the file is not what this made, or is missing where it must be, or `DiskError`.
  static func load(from disk: any Disk, isNew: Bool) throws -> [UInt8] {
    let file: any DiskFile
    do {
      file = try disk.open(name, .reading)
    } catch {
      guard error.kind == .missing else { throw error }
      guard isNew else { throw TokenKeyError.missing }
      return try make(on: disk)
    }
    let bytes = try file.read(secretBytes + sumBytes + 1, at: 0)
    guard bytes.count == secretBytes + sumBytes, Array(bytes[secretBytes...]) == sum(of: bytes[..<secretBytes]) else {
      throw TokenKeyError.unsound
    }
    return Array(bytes[..<secretBytes])
  }

  private static func make(on disk: any Disk) throws -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    let secret = (0..<secretBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    if try disk.list().contains(draft) { try disk.remove(draft) }
    let file = try disk.create(draft)
    let bytes = secret + sum(of: secret[...])
    try file.write(bytes.span.bytes, at: 0)
    try file.sync()
    try disk.rename(draft, to: name)
    try disk.syncDirectory()
    return secret
  }

  private static func sum(of secret: ArraySlice<UInt8>) -> [UInt8] {
    let sum = CRC32C.of(Array(secret))
    return (0..<sumBytes).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt32($0))) }
  }
}

/// Why the secret cannot be had.
enum TokenKeyError: Error, CustomStringConvertible {
  /// The file is not one that a server has made.
  case unsound
  /// There is a log or a snapshot, but no secret.
  case missing

  var description: String {
    let what =
      switch self {
      case .unsound: "\(TokenKeyFile.name) is not what was written"
      case .missing: "\(TokenKeyFile.name) is missing, although there is a log or a snapshot"
      }
    return "\(what); put back the right file, or set token_secret, which makes all session tokens of before worthless"
  }
}
