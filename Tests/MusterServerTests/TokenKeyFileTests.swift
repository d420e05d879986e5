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
    let first = try TokenKeyFile.load(from: disk, isNew: true)
    #expect(first.count == 32 && Set(first).count > 8)
    disk.crash(.power)
    #expect(try TokenKeyFile.load(from: disk, isNew: true) == first)
    let session = SessionID(high: 1, low: 2)
    let token = TokenMint(secret: first).token(for: session)
    #expect(TokenMint(secret: try TokenKeyFile.load(from: disk, isNew: true)).session(of: token) == session)
  }

  @Test(
    "a failure while it is made, and a loss of power behind it, leave a whole secret or none",
    arguments: [SimulatedDisk.Operation.create, .write, .sync, .rename, .syncDirectory], UInt64(0)..<8)
  func failure(operation: SimulatedDisk.Operation, seed: UInt64) throws {
    let disk = SimulatedDisk(seed: seed)
    disk.fail(operation, .io)
    #expect(throws: DiskError.self) { try TokenKeyFile.load(from: disk, isNew: true) }
    disk.crash(.power)
    let found = try TokenKeyFile.load(from: disk, isNew: true)
    #expect(found.count == 32)
    disk.crash(.power)
    #expect(try TokenKeyFile.load(from: disk, isNew: true) == found)
  }

  @Test("a file of another length, or with any bit flipped, is refused by its name, not taken and not replaced")
  func unsound() throws {
    for length in [0, 1, 35, 37] {
      let disk = SimulatedDisk(seed: 1)
      disk.plant(TokenKeyFile.name, [UInt8](repeating: 1, count: length))
      #expect(throws: TokenKeyError.unsound) { try TokenKeyFile.load(from: disk, isNew: false) }
      #expect(disk.bytes(of: TokenKeyFile.name)?.count == length)
    }
    for bit in 0..<(36 * 8) {
      let disk = SimulatedDisk(seed: 1)
      _ = try TokenKeyFile.load(from: disk, isNew: true)
      disk.flip(TokenKeyFile.name, byte: bit / 8, bit: bit % 8)
      #expect(throws: TokenKeyError.unsound) { try TokenKeyFile.load(from: disk, isNew: false) }
    }
  }

  @Test("none is made where there is something that one belongs to")
  func missing() throws {
    let disk = SimulatedDisk(seed: 1)
    #expect(throws: TokenKeyError.missing) { try TokenKeyFile.load(from: disk, isNew: false) }
    #expect(try disk.list().isEmpty)
  }
}
