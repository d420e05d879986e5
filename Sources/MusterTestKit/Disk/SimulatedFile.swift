import MusterStorage
import MusterThreads

/// The bytes of one file: as processes see them, and as they would be found after a loss of power.
// SAFETY: only touched under the lock of its disk.
final class SimulatedInode: @unchecked Sendable {
  enum Change {
    case write(Int, [UInt8])
    case resize(Int)
  }

  var bytes: [UInt8] = []
  var durable: [UInt8] = []
  /// What happened since the last sync, in its order.
  var pending: [Change] = []
  /// Bytes that the file has taken on the disk.
  var allocated = 0

  func note(_ change: Change) {
    Self.apply(change, to: &bytes)
    pending.append(change)
  }

  func sync() {
    for change in pending { Self.apply(change, to: &durable) }
    pending = []
  }

  /// Leaves what a loss of power may leave.
  func lose(_ random: inout SimulatedChance) {
    let survival = random.below(101)
    for change in pending {
      guard random.happens(percent: survival) else { continue }
      switch change {
      case .resize: Self.apply(change, to: &durable)
      case .write(let offset, let bytes): tear(offset, bytes, &random)
      }
    }
    bytes = durable
    pending = []
    allocated = bytes.count
  }

  private func tear(_ offset: Int, _ bytes: [UInt8], _ random: inout SimulatedChance) {
    switch random.below(4) {
    case 0: Self.apply(.write(offset, bytes), to: &durable)
    case 1:
      // Up to a byte somewhere in a sector.
      Self.apply(.write(offset, Array(bytes[..<random.below(bytes.count + 1)])), to: &durable)
    default:
      // Some sectors and not others; small ones, since what is simulated is small.
      let sector = [16, 64, 512][random.below(3)]
      var start = 0
      while start < bytes.count {
        let end = min(bytes.count, (offset + start) / sector * sector + sector - offset)
        if random.happens(percent: 50) { Self.apply(.write(offset + start, Array(bytes[start..<end])), to: &durable) }
        start = end
      }
    }
  }

  static func apply(_ change: Change, to bytes: inout [UInt8]) {
    switch change {
    case .write(let offset, let written):
      if bytes.count < offset + written.count {
        bytes += [UInt8](repeating: 0, count: offset + written.count - bytes.count)
      }
      bytes.replaceSubrange(offset..<offset + written.count, with: written)
    case .resize(let size):
      if bytes.count > size {
        bytes.removeLast(bytes.count - size)
      } else {
        bytes += [UInt8](repeating: 0, count: size - bytes.count)
      }
    }
  }
}

/// An open file of a simulated disk, of use until the next crash.
final class SimulatedFile: DiskFile {
  let name: String
  private let inode: SimulatedInode
  private let disk: SimulatedDisk
  private let life: Int
  private let isWritable: Bool

  init(name: String, inode: SimulatedInode, disk: SimulatedDisk, life: Int, isWritable: Bool) {
    self.name = name
    self.inode = inode
    self.disk = disk
    self.life = life
    self.isWritable = isWritable
  }

  func size() throws(DiskError) -> Int {
    try disk.attempt(.open, name, life: life) { _ throws(DiskError) in inode.bytes.count }
  }

  func read(_ count: Int, at offset: Int) throws(DiskError) -> [UInt8] {
    try disk.attempt(.read, name, life: life) { _ throws(DiskError) in
      let end = min(inode.bytes.count, offset + max(count, 0))
      return offset < end ? Array(inode.bytes[offset..<end]) : []
    }
  }

  func write(_ bytes: RawSpan, at offset: Int) throws(DiskError) {
    // SAFETY: the bytes are only read, and the pointer does not leave the closure.
    let bytes = bytes.withUnsafeBytes { [UInt8]($0) }
    try disk.attempt(.write, name, life: life) { state throws(DiskError) in
      try check("write")
      let room = state.room.map { $0 - state.used + inode.allocated } ?? .max
      let fitting = min(bytes.count, max(0, max(room, inode.allocated) - offset))
      if fitting > 0 {
        inode.note(.write(offset, fitting == bytes.count ? bytes : Array(bytes[..<fitting])))
        inode.allocated = max(inode.allocated, offset + fitting)
      }
      guard fitting == bytes.count else { throw DiskError(.noSpace, "write", name) }
    }
  }

  func preallocate(through size: Int) throws(DiskError) {
    try disk.attempt(.preallocate, name, life: life) { state throws(DiskError) in
      try check("preallocate")
      if let room = state.room, state.used - inode.allocated + size > room, size > inode.allocated {
        throw DiskError(.noSpace, "preallocate", name)
      }
      inode.allocated = max(inode.allocated, size)
      if inode.bytes.count < size { inode.note(.resize(size)) }
    }
  }

  func truncate(to size: Int) throws(DiskError) {
    try disk.attempt(.truncate, name, life: life) { _ throws(DiskError) in
      try check("truncate")
      inode.note(.resize(size))
      inode.allocated = size
    }
  }

  func sync() throws(DiskError) {
    disk.gate.pass()
    do throws(DiskError) {
      try disk.attempt(.sync, name, life: life) { _ throws(DiskError) in inode.sync() }
    } catch {
      // The pages are clean now as far as the system is concerned, and never written.
      disk.forget(inode)
      throw error
    }
  }

  private func check(_ operation: String) throws(DiskError) {
    if !isWritable { throw DiskError(.notPermitted, operation, name) }
  }
}
