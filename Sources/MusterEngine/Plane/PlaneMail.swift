/// Messages for the shards of one plane: those for each shard in the order in which it is to have them.
///
/// A shard touches nothing but its own state, so in which order messages to different shards are handled makes no difference.
package struct PlaneMail: Sendable {
  package var connections: [ConnectionMessage] = []
  package var sessions: [SessionMessage] = []
  package var channels: [ChannelMessage] = []

  package init() {}

  package var count: Int { connections.count + sessions.count + channels.count }
  package var isEmpty: Bool { connections.isEmpty && sessions.isEmpty && channels.isEmpty }

  /// Moves everything of `other` behind what is here.
  ///
  /// Room that is not used here is left there, so that it goes round instead of being allocated again.
  package mutating func take(_ other: inout PlaneMail) {
    Self.move(&other.connections, behind: &connections)
    Self.move(&other.sessions, behind: &sessions)
    Self.move(&other.channels, behind: &channels)
  }

  private static func move<Message>(_ others: inout [Message], behind messages: inout [Message]) {
    guard !others.isEmpty else { return }
    if messages.isEmpty {
      swap(&messages, &others)
    } else {
      messages.append(contentsOf: others)
      others.removeAll(keepingCapacity: true)
    }
  }
}
