import MusterThreads
/// What one socket counts as, until it is gone.
///
/// ### Isolation
/// Callable from any thread.
package final class SocketPlace: Sendable {
  private let admission: Admission
  private let place = ContendedLock<Admission.Place?>(.http)

  /// Stands for a socket that ``Admission/open()`` has let in.
  package init(_ admission: Admission) {
    self.admission = admission
  }

  /// Counts the socket as a WebSocket from now on; says what went over its limit when it may not.
  package func upgrade(_ address: AddressKey) -> String? {
    place.withLock { place in
      guard place == .http else { return nil }
      let refusal = admission.upgrade(address)
      if refusal == nil { place = .webSocket(address) }
      return refusal
    }
  }

  /// Leaves giving the place back to whoever takes the socket over.
  ///
  /// - Returns: The place; `nil` when it has been given back already.
  package func surrender() -> Admission.Place? {
    place.withLock { $0.take() }
  }

  /// Gives the place back; a second time does nothing.
  package func close() {
    guard let last = surrender() else { return }
    admission.close(last)
  }
}
