import NIOConcurrencyHelpers
import NIOCore

/// Counts who is connected, in all and per address, and refuses whoever is one too many.
///
/// Shared by all planes: it is asked once when a socket opens, once when it becomes a WebSocket and once when it is gone, never
/// per message.
final class Admission: Sendable {
  /// What a socket counts as.
  enum Place: Sendable, Hashable {
    case http
    case webSocket(AddressKey)
  }

  private struct Counts {
    var http = 0
    var webSockets = 0
    var perAddress: [AddressKey: Int] = [:]
  }

  private let limits: GatewayLimits
  // Planes do contend for this one, and of a contended `Mutex` the thread sanitizer sees too little: it lives in a library that
  // is not built with it. This one is the system's, which it knows.
  private let counts = NIOLockedValueBox(Counts())

  init(limits: GatewayLimits) {
    self.limits = limits
  }

  /// Takes in a new socket, or refuses it.
  func open() -> Bool {
    counts.withLockedValue { counts in
      guard counts.http < limits.httpConnectionsMax, counts.http + counts.webSockets < limits.socketsMax else { return false }
      counts.http += 1
      return true
    }
  }

  /// Makes a WebSocket of an HTTP socket.
  ///
  /// - Returns: What went over its limit; the socket then still counts as HTTP.
  func upgrade(_ address: AddressKey) -> String? {
    counts.withLockedValue { counts in
      guard counts.webSockets < limits.connectionsMax else {
        return "The server holds as many connections as it may (\(limits.connectionsMax))."
      }
      let max = limits.connectionsPerAddressMax
      let before = counts.perAddress[address, default: 0]
      guard max == 0 || before < max else {
        return "Your address holds as many connections as it may (\(max))."
      }
      counts.perAddress[address] = before + 1
      counts.webSockets += 1
      counts.http -= 1
      return nil
    }
  }

  /// Forgets a socket.
  func close(_ place: Place) {
    counts.withLockedValue { counts in
      switch place {
      case .http:
        counts.http -= 1
      case .webSocket(let address):
        counts.webSockets -= 1
        let left = counts.perAddress[address, default: 1] - 1
        counts.perAddress[address] = left > 0 ? left : nil
      }
    }
  }

  /// How many sockets are open: WebSockets, and others.
  var sockets: (webSockets: Int, http: Int) {
    counts.withLockedValue { ($0.webSockets, $0.http) }
  }
}

/// An address as the limits see it: an IPv4 address, or the /64 network of an IPv6 address, which one host owns as a whole.
struct AddressKey: Sendable, Hashable {
  private var value: UInt64

  /// Takes an address; everything that is not IP (a Unix socket) shares one key.
  init(_ address: SocketAddress?) {
    switch address {
    case .v4?: value = UInt64(Self.network(address, at: 4, as: UInt32.self))
    case .v6?:
      let high = Self.network(address, at: 8, as: UInt64.self)
      let low = Self.network(address, at: 16, as: UInt64.self)
      // An IPv4 client of a socket that listens on both shows as ::ffff:a.b.c.d.
      value = high == 0 && low >> 32 == 0xffff ? low & 0xffff_ffff : high
    default: value = .max
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
