import MusterModel
import MusterStorage
import MusterTestKit
import Testing

@testable import MusterServer

@Suite("The secret behind the session tokens")
struct TokenKeyFileTests {
  @Test("made once, then the same for every process, so that a token outlives a restart")
  func once() throws {
    let disk = SimulatedDisk(seed: 1)
    let first = try TokenKeyFile.load(from: disk)
    #expect(first.count == 32 && Set(first).count > 8)
    disk.crash(.power)
    #expect(try TokenKeyFile.load(from: disk) == first)
    let session = SessionID(high: 1, low: 2)
    let token = TokenMint(secret: first).token(for: session)
    #expect(TokenMint(secret: try TokenKeyFile.load(from: disk)).session(of: token) == session)
  }

  @Test(
    "a failure while it is made, and a loss of power behind it, leave a whole secret or none",
    arguments: [SimulatedDisk.Operation.create, .write, .sync, .rename, .syncDirectory], UInt64(0)..<8)
  func failure(operation: SimulatedDisk.Operation, seed: UInt64) throws {
    let disk = SimulatedDisk(seed: seed)
    disk.fail(operation, .io)
    #expect(throws: DiskError.self) { try TokenKeyFile.load(from: disk) }
    disk.crash(.power)
    let found = try TokenKeyFile.load(from: disk)
    #expect(found.count == 32)
    disk.crash(.power)
    #expect(try TokenKeyFile.load(from: disk) == found)
  }

  @Test("a file of another length is refused by its name, not taken and not replaced")
  func foreign() throws {
    let disk = SimulatedDisk(seed: 1)
    let file = try disk.create(TokenKeyFile.name)
    try file.write([UInt8](repeating: 1, count: 31).span.bytes, at: 0)
    #expect(throws: TokenKeyError.self) { try TokenKeyFile.load(from: disk) }
    #expect(try file.size() == 31)
  }
}
