import NIOCore
import NIOPosix

/// How groups of NIO's loops end.
enum EventLoops {
  /// How long the loops outlive what ran on them.
  private static let afterglow = Duration.milliseconds(50)

  /// Ends the loops of a group, and their threads.
  static func end(_ group: MultiThreadedEventLoopGroup) async {
    // Hummingbird's servers look back at their loops once more after they have ended, from tasks that nobody can wait for.
    try? await Task.detached { try await Task.sleep(for: afterglow) }.value
    try? await group.shutdownGracefully()
  }
}
