/// What the engine costs at one size, measured in this process without sockets, actors or a log.
package struct EngineFigures: Sendable, Hashable {
  /// How many sessions there were.
  package var sessions: Int
  /// Opening one: applied, with its user, its lease and its timer; and its first heartbeat.
  package var openNanoseconds: Double
  /// A heartbeat whose row is known.
  package var beatBySlotNanoseconds: Double
  /// A heartbeat by session id, in batches of 64, ids in random order.
  package var beatByIDNanoseconds: Double
  /// A lease that is over: the session falls dormant.
  package var dormantNanoseconds: Double
  /// A dormant session that ends by its idle TTL.
  package var expireNanoseconds: Double
  /// A tick in which nothing is due.
  package var idleTickNanoseconds: Double
  /// The memory of the tables when all sessions are dormant, per session.
  package var tableBytesPerSession: Double
  /// Growth of the process' private memory, per session; `nil` where the kernel does not show it.
  package var privateBytesPerSession: Double?
  /// The longest slice of at most ``EngineLoad/timersPerSlice`` timers, while all leases are due in one tick.
  package var longestSliceNanoseconds: Double
  /// The longest single open, which may have grown every table.
  package var longestOpenNanoseconds: Double
}
