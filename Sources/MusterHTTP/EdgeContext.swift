package import Hummingbird
import NIOCore

/// What travels with a request of either port.
package struct EdgeContext: RequestContext {
  package var coreContext: CoreRequestContextStorage
  /// The address of the peer without the port, as text; empty when it has none.
  package let remoteAddress: String

  package init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    remoteAddress = source.channel.remoteAddress?.ipAddress ?? ""
  }
}
