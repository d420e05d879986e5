package import MusterStorage
import MusterThreads

/// A directory in memory that is as treacherous as a disk may be.
///
/// What was not synced is anybody's guess when power is lost: each write since the last sync is kept, lost, or torn, also within
/// a sector, each on its own, so that later ones may survive earlier ones; and so is each new name, each rename and each removal
/// that ``syncDirectory()`` has not confirmed. A sync that fails forgets what it should have written, as Linux does. What a seed
/// has done it does again.
///
/// ### Isolation
/// Callable from any thread. For reproducible runs one thread drives it.
package final class SimulatedDisk: Disk {
  /// What can be made to fail.
  package enum Operation: Sendable, Hashable {
    case create
    case open
    case read
    case write
    case preallocate
    case truncate
    case sync
    case syncDirectory
    case rename
    case remove
  }

  /// How a process ends.
  package enum Crash: Sendable, Hashable {
    /// The process is gone; the system goes on and keeps all that was written.
    case process
    /// The machine is gone, and with it what was not synced, more or less.
    case power
  }

  struct Fault {
    var kind: DiskError.Kind
    /// How many calls still go well.
    var calls: Int
    var isLasting: Bool
  }

  /// What all open files share.
  struct State {
    var random: SimulatedChance
    var names: [String: SimulatedInode] = [:]
    var durableNames: [String: SimulatedInode] = [:]
    var pending: [DirectoryChange] = []
    var faults: [Operation: Fault] = [:]
    var room: Int?
    /// Grows with each crash: what was opened before is of no use any more.
    var life = 0
    var locked: [String: Int] = [:]
    var calls: [Operation: Int] = [:]
    /// How many calls still go well before the process is as good as dead.
    var callsLeft = Int.max
  }

  enum DirectoryChange {
    case add(String, SimulatedInode)
    case rename(String, String)
    case remove(String)
  }

  let state: ContendedLock<State>
  /// Closed while syncs are to take for ever.
  let gate = SyncGate()

  package init(seed: UInt64) {
    state = ContendedLock(State(random: SimulatedChance(seed: seed)))
  }

  // MARK: Disk

  package func list() throws(DiskError) -> [String] {
    state.withLock { $0.names.keys.sorted() }
  }

  package func create(_ name: String) throws(DiskError) -> any DiskFile {
    try attempt(.create, name) { state throws(DiskError) in
      guard state.names[name] == nil else { throw DiskError(.inUse, "create", name) }
      if let room = state.room, state.used >= room { throw DiskError(.noSpace, "create", name) }
      let inode = SimulatedInode()
      state.names[name] = inode
      state.pending.append(.add(name, inode))
      return SimulatedFile(name: name, inode: inode, disk: self, life: state.life, isWritable: true)
    }
  }

  package func open(_ name: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile {
    try attempt(.open, name) { state throws(DiskError) in
      guard let inode = state.names[name] else { throw DiskError(.missing, "open", name) }
      return SimulatedFile(name: name, inode: inode, disk: self, life: state.life, isWritable: access == .writing)
    }
  }

  package func rename(_ name: String, to newName: String) throws(DiskError) {
    try attempt(.rename, name) { state throws(DiskError) in
      guard let inode = state.names.removeValue(forKey: name) else { throw DiskError(.missing, "rename", name) }
      state.names[newName] = inode
      state.pending.append(.rename(name, newName))
    }
  }

  package func remove(_ name: String) throws(DiskError) {
    try attempt(.remove, name) { state throws(DiskError) in
      guard state.names.removeValue(forKey: name) != nil else { throw DiskError(.missing, "remove", name) }
      state.pending.append(.remove(name))
    }
  }

  package func syncDirectory() throws(DiskError) {
    try attempt(.syncDirectory, ".") { state throws(DiskError) in
      state.durableNames = state.names
      state.pending = []
    }
  }

  package func lock(_ name: String) throws(DiskError) -> any DiskLock {
    try attempt(.open, name) { state throws(DiskError) in
      if state.names[name] == nil {
        let inode = SimulatedInode()
        state.names[name] = inode
        state.pending.append(.add(name, inode))
      }
      guard state.locked[name] != state.life else { throw DiskError(.inUse, "lock", name) }
      state.locked[name] = state.life
      return SimulatedLock(name: name, disk: self, life: state.life)
    }
  }

  /// Performs one call, unless it is made to fail.
  func attempt<R>(
    _ operation: Operation, _ name: String, life: Int? = nil, _ body: (inout State) throws(DiskError) -> sending R
  ) throws(DiskError) -> sending R {
    let result = state.withLock { state -> Result<R, DiskError> in
      state.calls[operation, default: 0] += 1
      if let life, life != state.life { return .failure(DiskError(.io, "use after a crash", name)) }
      guard state.callsLeft > 0 else { return .failure(DiskError(.io, "use of a dead disk", name)) }
      state.callsLeft -= 1
      if let failure = state.fails(operation, name) { return .failure(failure) }
      do throws(DiskError) {
        return .success(try body(&state))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  func unlock(_ name: String, life: Int) {
    state.withLock { if $0.locked[name] == life { $0.locked[name] = nil } }
  }
}

extension SimulatedDisk.State {
  /// Bytes that all files take.
  var used: Int { names.values.reduce(0) { $0 + $1.allocated } }

  mutating func fails(_ operation: SimulatedDisk.Operation, _ name: String) -> DiskError? {
    guard var fault = faults[operation] else { return nil }
    if fault.calls > 0 {
      fault.calls -= 1
      faults[operation] = fault
      return nil
    }
    if !fault.isLasting { faults[operation] = nil }
    return DiskError(fault.kind, "\(operation) (simulated)", name, errno: 5)
  }
}

/// Seeded chance without a lock, for whoever has one already.
struct SimulatedChance {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  mutating func below(_ bound: Int) -> Int {
    Int(next() % UInt64(max(bound, 1)))
  }

  mutating func happens(percent: Int) -> Bool { below(100) < percent }
}

/// A lock that a crash breaks.
private final class SimulatedLock: DiskLock {
  private let name: String
  private let disk: SimulatedDisk
  private let life: Int

  init(name: String, disk: SimulatedDisk, life: Int) {
    self.name = name
    self.disk = disk
    self.life = life
  }

  deinit {
    disk.unlock(name, life: life)
  }
}
