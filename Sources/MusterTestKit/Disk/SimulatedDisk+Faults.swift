package import MusterStorage
import MusterThreads

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension SimulatedDisk {
  /// Lets an operation fail, after so many more calls of it have gone well.
  package func fail(_ operation: Operation, _ kind: DiskError.Kind, after calls: Int = 0, isLasting: Bool = false) {
    state.withLock { $0.faults[operation] = Fault(kind: kind, calls: calls, isLasting: isLasting) }
  }

  /// Lets everything fail after so many more calls, until the next crash: as if the process ended in the middle of something.
  package func die(after calls: Int) {
    state.withLock { $0.callsLeft = calls }
  }

  /// From now on everything goes well again.
  package func mend() {
    state.withLock { $0.faults = [:] }
  }

  /// Sets how many bytes the disk holds in all; `nil` for no end.
  package func limit(room: Int?) {
    state.withLock { $0.room = room }
  }

  /// Bytes that all files take.
  package var used: Int { state.withLock { $0.used } }

  /// How often an operation was called.
  package func calls(of operation: Operation) -> Int {
    state.withLock { $0.calls[operation, default: 0] }
  }

  /// Ends the process that used the disk; what it had open is of no use any more, and its locks are gone.
  package func crash(_ kind: Crash) {
    state.withLock { state in
      state.life += 1
      state.faults = [:]
      state.callsLeft = .max
      guard kind == .power else { return }
      state.loseNames()
      var seen = Set<ObjectIdentifier>()
      for name in state.names.keys.sorted() {
        guard let inode = state.names[name], seen.insert(ObjectIdentifier(inode)).inserted else { continue }
        inode.lose(&state.random)
      }
    }
  }

  /// The bytes of a file as processes see them.
  package func bytes(of name: String) -> [UInt8]? {
    state.withLock { $0.names[name]?.bytes }
  }

  /// Flips one bit of a file, as if the medium had done so: synced or not, now and after the next crash.
  package func flip(_ name: String, byte: Int, bit: Int) {
    state.withLock { state in
      guard let inode = state.names[name] else { return }
      if byte < inode.bytes.count { inode.bytes[byte] ^= 1 << bit }
      if byte < inode.durable.count { inode.durable[byte] ^= 1 << bit }
    }
  }

  /// Puts a file there, synced.
  package func plant(_ name: String, _ bytes: [UInt8]) {
    state.withLock { state in
      let inode = SimulatedInode()
      inode.bytes = bytes
      inode.durable = bytes
      inode.allocated = bytes.count
      state.names[name] = inode
      state.durableNames[name] = inode
    }
  }

  /// Forgets what a file was to write with the sync that failed.
  func forget(_ inode: SimulatedInode) {
    state.withLock { _ in inode.pending = [] }
  }

  /// From now on every sync of a file waits for ``releaseSyncs()``; for tests with threads.
  package func holdSyncs() { gate.close() }

  /// Lets all syncs go on.
  package func releaseSyncs() { gate.open() }

  /// Waits until a sync is held.
  package func awaitHeldSync() { gate.awaitArrival() }
}

extension SimulatedDisk.State {
  /// Leaves of the directory what a loss of power may leave: all changes up to some point, or any of them.
  mutating func loseNames() {
    let isInOrder = random.happens(percent: 50)
    let survivors = random.below(pending.count + 1)
    for (index, change) in pending.enumerated() {
      guard isInOrder ? index < survivors : random.happens(percent: 50) else { continue }
      switch change {
      case .add(let name, let inode): durableNames[name] = inode
      case .rename(let name, let newName):
        if let inode = durableNames.removeValue(forKey: name) { durableNames[newName] = inode }
      case .remove(let name): durableNames[name] = nil
      }
    }
    pending = []
    names = durableNames
  }
}

/// Where threads wait while syncs are held.
// SAFETY: all state is touched under the mutex.
final class SyncGate: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var isClosed = false
  private var waiting = 0

  init() {
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    condition.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func close() { update { isClosed = true } }

  func open() { update { isClosed = false } }

  func pass() {
    update {
      waiting += 1
      pthread_cond_broadcast(condition)
      while isClosed { pthread_cond_wait(condition, mutex) }
      waiting -= 1
    }
  }

  func awaitArrival() {
    update {
      while waiting == 0 { pthread_cond_wait(condition, mutex) }
    }
  }

  private func update(_ body: () -> Void) {
    pthread_mutex_lock(mutex)
    body()
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }
}
