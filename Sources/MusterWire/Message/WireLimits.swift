/// How large the parts of a client's request may be.
///
/// What is over a limit is refused with a code, never cut. The gateway derives these from the configuration, so that the
/// edge and the engine agree.
package struct WireLimits: Sendable, Hashable {
  /// One request as text, in bytes.
  package var messageBytesMax = 16 << 10
  /// How deep the arrays and objects of a request may be nested, the request itself included.
  package var depthMax = 32
  /// A token in a `hello`, in bytes.
  package var tokenBytesMax = 8 << 10
  /// The `meta` of a `join` and the `patch` of an `update`, in bytes as they were sent.
  package var metaBytesMax = 2 << 10
  /// The `patch` of a `data`, in bytes as it was sent.
  package var dataBytesMax = 8 << 10
  /// The `data` of a `signal`, in bytes as they were sent.
  package var signalBytesMax = 8 << 10
  /// The text of a status, in bytes.
  package var statusTextBytesMax = 140
  /// The largest page of members that may be asked for.
  package var pageMembersMax = 1_000
  /// The page that is given when no size is asked for.
  package var pageMembersDefault = 100
  /// The ids of one `users`.
  package var usersMax = 1_000
  /// The users of one `watch` or `unwatch`.
  package var watchesMax = 5_000
  /// The channels that a `hello` may ask to go on in.
  package var resumeChannelsMax = 100

  /// The longest time that may be asked for anywhere, in milliseconds: 366 days, so that sums of times stay far from overflow.
  package static let millisecondsMax: Int64 = 366 * 86_400_000

  /// The limits of `muster.v1`.
  package init() {}
}
