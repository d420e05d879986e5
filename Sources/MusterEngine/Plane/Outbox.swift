/// What one shard has to tell others, by plane, until its part of a turn ends.
///
/// ### Isolation
/// A plain value inside its shard.
package struct Outbox: ~Copyable {
  private var mail: [PlaneMail]
  /// Messages not yet taken.
  package private(set) var count = 0

  /// Makes an empty outbox for so many planes, the control desk included.
  package init(planes: Int) {
    mail = Array(repeating: PlaneMail(), count: planes)
  }

  package mutating func append(_ message: ConnectionMessage, to plane: Int) {
    mail[plane].connections.append(message)
    count += 1
  }

  package mutating func append(_ message: SessionMessage, to plane: Int) {
    mail[plane].sessions.append(message)
    count += 1
  }

  package mutating func append(_ message: ChannelMessage, to plane: Int) {
    mail[plane].channels.append(message)
    count += 1
  }

  /// Moves what is for a plane behind what is in `taken`.
  package mutating func take(for plane: Int, into taken: inout PlaneMail) {
    guard count > 0 else { return }
    count -= mail[plane].count
    taken.take(&mail[plane])
  }

  /// Moves everything behind what is in `taken`, plane by plane.
  package mutating func take(into taken: inout [PlaneMail]) {
    guard count > 0 else { return }
    for plane in mail.indices { taken[plane].take(&mail[plane]) }
    count = 0
  }
}
