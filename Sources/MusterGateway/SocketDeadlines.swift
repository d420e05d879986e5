import MusterEdge
import NIOCore

/// The deadlines of the sockets on one loop: for the first request, and for the answer to a close.
///
/// ### Isolation
/// On the loop, but for ``stop()``.
final class SocketDeadlines: Sendable {
  /// How often it is looked whether something is due.
  private static let interval = TimeAmount.milliseconds(100)

  private let eventLoop: any EventLoop
  private let onLoop: NIOLoopBoundBox<OnLoop>

  private struct OnLoop {
    var requests: DeadlineQueue<UpgradeHandler>
    var closes: DeadlineQueue<any Channel>
    var ticking: RepeatedTask?
    var isStopped = false
  }

  init(eventLoop: any EventLoop, limits: GatewayLimits) {
    self.eventLoop = eventLoop
    onLoop = .makeBoxSendingValue(
      OnLoop(
        requests: DeadlineQueue(delay: limits.requestTimeout), closes: DeadlineQueue(delay: limits.closeTimeout)),
      eventLoop: eventLoop)
  }

  /// Closes a channel that has not sent its first request head when its time is over.
  func expectRequest(of handler: UpgradeHandler) {
    onLoop.value.requests.arm(handler, now: now)
    begin()
  }

  /// Closes a channel for good when its peer has not done so in time.
  func expectClose(of channel: any Channel) {
    onLoop.value.closes.arm(channel, now: now)
    begin()
  }

  /// Ends the looking, so that the loop may be shut down.
  func stop() {
    eventLoop.execute { [onLoop] in
      onLoop.value.ticking?.cancel()
      onLoop.value.ticking = nil
      onLoop.value.isStopped = true
    }
  }

  private var now: UInt64 { eventLoop.now.uptimeNanoseconds }

  private func begin() {
    guard onLoop.value.ticking == nil, !onLoop.value.isStopped else { return }
    onLoop.value.ticking = eventLoop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { [self] _ in
      fire()
    }
  }

  private func fire() {
    let now = now
    while let handler = onLoop.value.requests.next(now: now) { handler.requestIsLate() }
    while let channel = onLoop.value.closes.next(now: now) { channel.close(promise: nil) }
  }
}
