/// What storage needs of a file system: one flat directory of files.
///
/// The seam behind which everything that can go wrong with files happens: `FileDisk` is a directory of the machine, and a
/// simulated disk loses, tears and reorders whatever was not synced.
///
/// ### Durability
/// Nothing survives a loss of power but what was synced: the bytes of a file by ``DiskFile/sync()``, that it exists under its
/// name by ``syncDirectory()``. Both are needed for a new file.
///
/// ### Isolation
/// Callable from any thread; two threads that write to one file at once agree between themselves about who writes where.
/// All calls block.
package protocol Disk: Sendable {
  /// The names of all files, in no particular order.
  func list() throws(DiskError) -> [String]

  /// Makes a file that did not exist, readable and writable by its owner only.
  ///
  /// - Throws: `inUse` when there is one of that name.
  func create(_ name: String) throws(DiskError) -> any DiskFile

  /// Opens a file for reading and writing, or for reading alone.
  ///
  /// - Throws: `missing` when there is none.
  func open(_ name: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile

  /// Gives a file another name, in place of whatever had that name, in one step.
  func rename(_ name: String, to newName: String) throws(DiskError)

  /// Removes a file. Whoever has it open keeps it until then.
  func remove(_ name: String) throws(DiskError)

  /// Makes durable which files there are, and under which names.
  func syncDirectory() throws(DiskError)

  /// Takes the directory for this process, until what is returned is let go.
  ///
  /// The file that carries the lock is made when there is none, and never removed.
  ///
  /// - Throws: `inUse` when another process has it.
  func lock(_ name: String) throws(DiskError) -> any DiskLock
}

/// What a file is opened for.
package enum DiskAccess: Sendable {
  case reading
  case writing
}

/// An open file; closed when the last reference to it goes.
///
/// ### Isolation
/// Callable from any thread, see ``Disk``.
package protocol DiskFile: AnyObject, Sendable {
  /// The name under which it was opened.
  var name: String { get }

  /// How many bytes it has, what was only preallocated included.
  func size() throws(DiskError) -> Int

  /// Reads bytes from an offset; fewer than asked for only at the end of the file.
  func read(_ count: Int, at offset: Int) throws(DiskError) -> [UInt8]

  /// Writes all bytes at an offset.
  ///
  /// - Throws: When not all of them could be written; any part of them may have been.
  func write(_ bytes: RawSpan, at offset: Int) throws(DiskError)

  /// Takes room on the disk through a size, and makes the file at least so long; what was not written reads as zeros.
  ///
  /// - Throws: `noSpace` when there is not that much room.
  func preallocate(through size: Int) throws(DiskError)

  /// Makes the file exactly so long.
  func truncate(to size: Int) throws(DiskError)

  /// Makes durable what was written, and the size as far as it is needed to read it.
  ///
  /// After an error nobody knows what is on the disk, and a second call may wrongly succeed: so an error is final.
  func sync() throws(DiskError)
}

/// A directory that is held by this process; let go when the last reference to it goes.
package protocol DiskLock: AnyObject, Sendable {}

/// Why something could not be done with a file.
package struct DiskError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What a caller may want to tell apart.
  package enum Kind: Sendable, Hashable {
    /// The disk or the quota is full.
    case noSpace
    /// The file system is read-only.
    case readOnly
    /// The process may not do that.
    case notPermitted
    /// Another process has it, or the name is taken.
    case inUse
    /// There is no such file or directory.
    case missing
    /// Everything else: the medium, the driver, the network behind it.
    case io
  }

  package var kind: Kind
  /// What was attempted, as a verb: "write".
  package var operation: String
  /// The file or the directory.
  package var file: String
  /// The number that the system gave; 0 when there was none.
  package var errno: Int32

  package init(_ kind: Kind, _ operation: String, _ file: String, errno: Int32 = 0) {
    self.kind = kind
    self.operation = operation
    self.file = file
    self.errno = errno
  }

  package var description: String {
    let reason =
      switch kind {
      case .noSpace: "there is no room on the disk"
      case .readOnly: "the file system is read-only"
      case .notPermitted: "this user may not"
      case .inUse: "it is in use or exists already"
      case .missing: "there is no such file"
      case .io: "input or output failed"
      }
    return "cannot \(operation) \(file): \(reason)" + (errno == 0 ? "" : " (errno \(errno))")
  }
}
