/// What one shard has to tell others, by plane, until the end of the turn.
///
/// Messages for connections are kept apart and handed over first: a welcome must be in its mailbox before a channel on a
/// third plane can be asked to write to the same connection.
///
/// ### Isolation
/// A plain value inside its shard.
package struct Outbox: ~Copyable {
  private var forConnections: [[PlaneMessage]]
  private var forShards: [[PlaneMessage]]
  /// Messages not yet taken.
  package private(set) var count = 0

  /// Makes an empty outbox for so many planes, the control desk included.
  package init(planes: Int) {
    forConnections = Array(repeating: [], count: planes)
    forShards = Array(repeating: [], count: planes)
  }

  package mutating func append(_ message: ConnectionMessage, to plane: Int) {
    forConnections[plane].append(.connection(message))
    count += 1
  }

  package mutating func append(_ message: SessionMessage, to plane: Int) {
    forShards[plane].append(.session(message))
    count += 1
  }

  package mutating func append(_ message: ChannelMessage, to plane: Int) {
    forShards[plane].append(.channel(message))
    count += 1
  }

  /// Moves what is for the connections of a plane behind what is in `batch`.
  package mutating func takeForConnections(of plane: Int, into batch: inout [PlaneMessage]) {
    Self.move(&forConnections[plane], into: &batch, count: &count)
  }

  /// Moves what is for the session and channel shards of a plane behind what is in `batch`.
  package mutating func takeForShards(of plane: Int, into batch: inout [PlaneMessage]) {
    Self.move(&forShards[plane], into: &batch, count: &count)
  }

  private static func move(_ queue: inout [PlaneMessage], into batch: inout [PlaneMessage], count: inout Int) {
    guard !queue.isEmpty else { return }
    count -= queue.count
    if batch.isEmpty {
      swap(&queue, &batch)
    } else {
      batch.append(contentsOf: queue)
      queue.removeAll(keepingCapacity: true)
    }
  }
}
