import Glibc

/// Where the server is: a `ws://` URL, resolved.
package struct ServerAddress: Sendable {
  /// What the `Host` header says.
  package let host: String
  /// Path and query of the upgrade request.
  package let target: String
  /// The resolved address, for `connect`.
  let socketAddress: sockaddr_storage
  let socketAddressLength: socklen_t
  /// Whether it is in 127.0.0.0/8, so that any address of that network may be the source.
  package let isLoopback: Bool

  /// Takes a URL apart and resolves its host.
  ///
  /// - Throws: ``LoadError/plan(_:)`` when it is not a usable URL, ``LoadError/address(_:)`` when its host cannot be resolved.
  package init(url: String) throws(LoadError) {
    let parts = try Parts(url: url)
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV
    // SAFETY: `getaddrinfo` makes the list and sets this to its head; it is read until `freeaddrinfo`, in this function.
    var found: UnsafeMutablePointer<addrinfo>?
    let outcome = getaddrinfo(parts.name, String(parts.port), &hints, &found)
    defer { if let found { freeaddrinfo(found) } }
    // IPv4 first: `localhost` often resolves to both, while a server listens on 127.0.0.1 only.
    var chosen = found
    while let candidate = chosen?.pointee, candidate.ai_family != AF_INET { chosen = candidate.ai_next }
    guard outcome == 0, let first = (chosen ?? found)?.pointee, let address = first.ai_addr else {
      let reason = gai_strerror(outcome).map { String(cString: $0) } ?? "error \(outcome)"
      throw .address("cannot resolve '\(parts.name)' of '\(url)': \(reason)")
    }
    host = parts.host
    target = parts.target
    socketAddressLength = first.ai_addrlen
    var storage = sockaddr_storage()
    // SAFETY: `ai_addr` points to `ai_addrlen` bytes until `freeaddrinfo`, and a storage holds every kind of address.
    withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: .init(start: address, count: Int(first.ai_addrlen))) }
    socketAddress = storage
    // SAFETY: an IPv4 address is 16 bytes and its storage larger; the address is the four bytes behind family and port.
    isLoopback = first.ai_family == AF_INET && withUnsafeBytes(of: &storage) { $0[4] } == 127
  }

  /// The text of a URL, split.
  package struct Parts: Sendable, Equatable {
    package var name: String
    package var port: UInt16
    package var target: String

    /// Name and port as the `Host` header wants them.
    package var host: String { name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)" }

    /// Splits `ws://HOST[:PORT][/PATH][?QUERY]`; HOST may be an IPv6 address in brackets, and the scheme `redis`.
    package init(url: String) throws(LoadError) {
      guard !url.hasPrefix("wss://") else {
        throw .plan("'\(url)': the load tool speaks no TLS; measure behind it, with a ws:// address")
      }
      let scheme = ["ws://", "redis://"].first { url.hasPrefix($0) }
      guard let scheme, !url.utf8.contains(where: { $0 <= 32 || $0 == 127 }) else {
        throw .plan("'\(url)' is not an address like ws://127.0.0.1:7600/v1/connect")
      }
      let rest = url.dropFirst(scheme.utf8.count)
      let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
      let authority = rest[..<end]
      let tail = rest[end...]
      target = tail.hasPrefix("/") ? String(tail) : "/" + tail
      let host: Substring
      let afterHost: Substring
      if authority.hasPrefix("["), let bracket = authority.firstIndex(of: "]") {
        host = authority[authority.index(after: authority.startIndex)..<bracket]
        afterHost = authority[authority.index(after: bracket)...]
      } else {
        let colon = authority.firstIndex(of: ":") ?? authority.endIndex
        host = authority[..<colon]
        afterHost = authority[colon...]
      }
      let port = afterHost.isEmpty ? 80 : (afterHost.hasPrefix(":") ? UInt16(afterHost.dropFirst()) : nil)
      guard !host.isEmpty, let port, port > 0 else {
        throw .plan("'\(url)' has no host or no port from 1 to 65535")
      }
      name = String(host)
      self.port = port
    }
  }
}

/// How many descriptors this process may open.
package enum DescriptorLimit {
  /// What the process needs besides its connections: standard streams, epoll and timer of each thread, files of `/proc`.
  private static let reserve = 32

  /// Raises the soft limit as far as needed and allowed.
  ///
  /// - Throws: ``LoadError/descriptors(needed:allowed:)`` when the hard limit is too low.
  package static func ensure(connections: Int, threads: Int) throws(LoadError) {
    let needed = connections + threads * 2 + reserve
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw .system("getrlimit") }
    if limit.rlim_cur >= rlim_t(needed) { return }
    guard limit.rlim_max >= rlim_t(needed) else {
      throw .descriptors(needed: needed, allowed: Int(clamping: limit.rlim_max))
    }
    limit.rlim_cur = rlim_t(needed)
    guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw .system("setrlimit") }
  }
}
