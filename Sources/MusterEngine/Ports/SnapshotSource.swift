/// What the engine needs of whoever reads snapshots.
///
/// ### Isolation
/// Called from the threads of all planes at once, before the engine starts; may block.
package protocol SnapshotSource: Sendable {
  /// Every page is current through this record at the latest.
  var through: LSN { get }

  /// How many planes the engine had that wrote it.
  var planes: Int { get }

  /// Which frames hold what a shard wrote.
  func frames(of shard: Int) -> Range<Int>

  /// Reads, checks and unpacks a frame: pages behind one another.
  func frame(_ index: Int) throws -> [UInt8]
}
