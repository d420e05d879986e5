/// What the engine needs of whoever reads snapshots.
///
/// ### Isolation
/// Called from the threads of all planes at once, before the engine starts; may block.
package protocol SnapshotSource: Sendable {
  /// Every page is current through this record at the latest.
  var through: LSN { get }

  /// How many planes the engine had that wrote it.
  var planes: Int { get }

  /// How many sessions the pages of a shard hold, as far as the source knows: room is made for them.
  func sessions(of shard: Int) -> Int

  /// Which frames hold what a shard wrote.
  func frames(of shard: Int) -> Range<Int>

  /// Reads, checks and unpacks a frame: pages behind one another.
  func frame(_ index: Int) throws -> [UInt8]
}

extension SnapshotSource {
  package func sessions(of shard: Int) -> Int { 0 }
}
