import NIOCore
import NIOPosix

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A socket that listens, and that nobody accepts from yet.
///
/// ### Ownership
/// Whoever accepts from it closes it.
struct ListeningSocket {
  /// How many connections may wait in the kernel to be accepted.
  private static let backlog: CInt = 4_096

  let descriptor: CInt
  /// Where it listens, with the port that was taken.
  let address: ListenAddress

  /// Opens a socket on an address.
  ///
  /// `setting` is the one that names the address, for messages; names of hosts are resolved off the loop.
  ///
  /// - Throws: ``ServerError/cannotListen(setting:address:reason:)``.
  static func open(_ address: ListenAddress, setting: String, on loop: any EventLoop) async throws -> ListeningSocket {
    func failure(_ reason: String) -> ServerError { .cannotListen(setting: setting, address: address, reason: reason) }
    let resolved: SocketAddress
    do {
      resolved = try await NIOThreadPool.singleton.runIfActive {
        try SocketAddress.makeAddressResolvingHost(address.host, port: address.port)
      }
    } catch {
      throw failure("\(error)")
    }
    let descriptor = socket(CInt(resolved.protocol.rawValue), CInt(SOCK_STREAM.rawValue) | streamFlags, 0)
    guard descriptor >= 0 else { throw failure(reason(errno)) }
    var one: CInt = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<CInt>.size))
    // SAFETY: the address is used inside the closure only.
    let bound = resolved.withSockAddr { pointer, count in bind(descriptor, pointer, socklen_t(count)) }
    guard bound == 0, listen(descriptor, backlog) == 0 else {
      let code = errno
      close(descriptor)
      throw failure(reason(code))
    }
    return ListeningSocket(
      descriptor: descriptor, address: ListenAddress(host: address.host, port: port(of: descriptor) ?? address.port))
  }

  /// Closes a descriptor that nobody accepts from, or that nobody wants.
  static func close(_ descriptor: CInt) {
    _ = systemClose(descriptor)
  }

  /// Why a port cannot be taken, for people.
  static func reason(_ code: CInt) -> String {
    switch code {
    case EADDRINUSE: "the port is in use"
    case EADDRNOTAVAIL: "this machine does not have the address"
    case EACCES: "the port may not be used without privileges"
    default: String(cString: strerror(code))
    }
  }

  private static func port(of descriptor: CInt) -> Int? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // SAFETY: the storage holds any address, and the pointer is used inside the closures only.
    let port: UInt16? = withUnsafeMutablePointer(to: &storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> UInt16? in
        guard getsockname(descriptor, address, &length) == 0 else { return nil }
        // The port is at the same place for both families.
        return UnsafeRawPointer(address).loadUnaligned(fromByteOffset: 2, as: UInt16.self).bigEndian
      }
    }
    return port.map(Int.init)
  }
}

#if os(Linux)
  private let streamFlags = CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
#else
  private let streamFlags: CInt = 0
#endif

private func systemClose(_ descriptor: CInt) -> CInt { close(descriptor) }
