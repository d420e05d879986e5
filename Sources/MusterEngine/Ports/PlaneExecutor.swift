/// The thread that the shards of one plane share, as their serial executor.
///
/// An implementation owns a thread with an event loop. The loop's own events (a readable socket) call into the shards with
/// `assumeIsolated`; everything else happens in turns.
///
/// ### Contract
/// - `checkIsolated()` traps anywhere but on the thread.
/// - After ``start(turn:)``, `turn` is called on the thread soon after each ``requestTurn()`` and at least once every 100 ms.
/// - Jobs run before ``start(turn:)`` as well: recovery comes before the first turn.
/// - A request that comes while a turn is already pending adds nothing. One that comes while a turn runs leads to another.
package protocol PlaneExecutor: SerialExecutor {
  /// Begins calling `turn`. Called once.
  func start(turn: @escaping @Sendable () -> Void)

  /// Ends the turns behind one that is running, and lets go of `turn`, which holds the engine and so this executor.
  ///
  /// Callable from any thread, and more than once. Whether jobs still run is up to the implementation.
  func stop()

  /// Asks for a turn. Callable from any thread; cheap when one is already pending.
  func requestTurn()
}
