import MusterThreads

/// One value that a thread waits for, and somebody else brings.
///
/// ### Isolation
/// Callable from any thread. ``wait()`` blocks, so it belongs on a thread of one's own, never on the pool of the concurrency runtime.
final class Delivery<Value: Sendable>: Sendable {
  private let value = Monitor<Value?>(nil)

  /// Brings the value; once.
  func deliver(_ value: Value) {
    self.value.change { $0 = value }
  }

  /// Waits for the value.
  func wait() -> Value {
    value.wait { $0 }
  }

  /// Waits, on this thread, for what is done elsewhere.
  static func wait(for body: @escaping @Sendable () async -> Value) -> Value {
    let delivery = Delivery()
    Task { delivery.deliver(await body()) }
    return delivery.wait()
  }
}

/// Runs what blocks on a thread of its own, and waits for it without blocking.
func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    SystemThread.needed { continuation.resume(returning: body()) }.detach()
  }
}
