import MusterEdge
import MusterWire
import NIOCore
import NIOHTTP1

extension UpgradeRequest {
  /// What matters of a head as NIO has read it.
  init(_ head: HTTPRequestHead) {
    func value(_ name: String) -> String? {
      let values = head.headers[name]
      return values.isEmpty ? nil : values.joined(separator: ",")
    }
    self.init(
      target: head.uri, hosts: head.headers["host"],
      offer: .init(
        method: head.method.rawValue, upgrade: value("upgrade"), connection: value("connection"),
        version: value("sec-websocket-version"), key: value("sec-websocket-key"), protocols: value("sec-websocket-protocol")))
    isHTTP11 = head.version == .http1_1
    origin = head.headers.first(name: "origin")
    authorization = head.headers.first(name: "authorization")
    cookies = head.headers["cookie"]
    let hasLength = head.headers["content-length"].contains { $0 != "0" }
    hasBody = hasLength || head.headers.contains(name: "transfer-encoding")
  }
}

extension AddressKey {
  /// The key of an address of NIO; everything that is not IP (a Unix socket) shares one key.
  init(_ address: SocketAddress?) {
    switch address {
    case .v4?:
      self.init(ipv4: Self.network(address, at: 4, as: UInt32.self))
    case .v6?:
      self.init(
        ipv6: Self.network(address, at: 8, as: UInt64.self), Self.network(address, at: 16, as: UInt64.self))
    default:
      self = .other
    }
  }

  /// A number in network byte order out of a `sockaddr_in` (address at 4) or a `sockaddr_in6` (address at 8).
  private static func network<Number: FixedWidthInteger & BitwiseCopyable>(
    _ address: SocketAddress?, at offset: Int, as: Number.Type
  ) -> Number {
    // SAFETY: the bytes are read inside the closure only, and the load traps when they were too few.
    address?.withSockAddr { start, count in
      Number(bigEndian: UnsafeRawBufferPointer(start: start, count: count).loadUnaligned(fromByteOffset: offset, as: Number.self))
    } ?? 0
  }
}
