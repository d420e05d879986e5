import MusterStorage

/// The secret behind the session tokens, kept in the data directory so that tokens outlive a restart.
///
/// Made at the first start. It comes into being under another name and is synced before it gets its own, so it is either whole or
/// not there.
enum TokenKeyFile {
  static let name = "token.key"
  private static let draft = "token.key.new"
  private static let secretBytes = 32

  /// Reads the secret, or makes one.
  ///
  /// - Throws: ``TokenKeyError`` when the file is not what this made, or `DiskError`.
  static func load(from disk: any Disk) throws -> [UInt8] {
    let file: any DiskFile
    do {
      file = try disk.open(name, .reading)
    } catch {
      guard error.kind == .missing else { throw error }
      return try make(on: disk)
    }
    let secret = try file.read(secretBytes + 1, at: 0)
    guard secret.count == secretBytes else { throw TokenKeyError(bytes: try file.size()) }
    return secret
  }

  private static func make(on disk: any Disk) throws -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    let secret = (0..<secretBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    if try disk.list().contains(draft) { try disk.remove(draft) }
    let file = try disk.create(draft)
    try file.write(secret.span.bytes, at: 0)
    try file.sync()
    try disk.rename(draft, to: name)
    try disk.syncDirectory()
    return secret
  }
}

/// The file of the secret is not one that a server has made.
struct TokenKeyError: Error, CustomStringConvertible {
  var bytes: Int

  var description: String {
    "\(TokenKeyFile.name) in the data directory has \(bytes) bytes instead of 32; put back the right file, or remove it, which "
      + "makes all session tokens worthless"
  }
}
