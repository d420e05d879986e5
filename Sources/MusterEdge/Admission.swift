import MusterThreads
/// Counts who is connected, in all and per address, and refuses whoever is one too many.
///
/// Shared by all planes and transports: it is asked once when a socket opens, once when it becomes a WebSocket and once when it is
/// gone, never per message.
package final class Admission: Sendable {
  /// What a socket counts as.
  package enum Place: Sendable, Hashable {
    case http
    case webSocket(AddressKey)
  }

  private struct Counts {
    var http = 0
    var webSockets = 0
    var perAddress: [AddressKey: Int] = [:]
  }

  private let limits: GatewayLimits
  private let counts = ContendedLock(Counts())

  package init(limits: GatewayLimits) {
    self.limits = limits
  }

  /// Takes in a new socket, or refuses it.
  package func open() -> Bool {
    counts.withLock { counts in
      guard counts.http < limits.httpConnectionsMax, counts.http + counts.webSockets < limits.socketsMax else { return false }
      counts.http += 1
      return true
    }
  }

  /// Makes a WebSocket of an HTTP socket.
  ///
  /// - Returns: What went over its limit; the socket then still counts as HTTP.
  package func upgrade(_ address: AddressKey) -> String? {
    counts.withLock { counts in
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
  package func close(_ place: Place) {
    counts.withLock { counts in
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
  package var sockets: (webSockets: Int, http: Int) {
    counts.withLock { ($0.webSockets, $0.http) }
  }
}

/// An address as the limits see it: an IPv4 address, or the /64 network of an IPv6 address, which one host owns as a whole.
package struct AddressKey: Sendable, Hashable {
  private let value: UInt64

  /// Everything that is not IP (a Unix socket) shares one key.
  package static let other = AddressKey(value: .max)

  private init(value: UInt64) {
    self.value = value
  }

  /// The key of an IPv4 address.
  package init(ipv4 address: UInt32) {
    self.init(value: UInt64(address))
  }

  /// The key of an IPv6 address, given as its two halves.
  ///
  /// An IPv4 client of a socket that listens on both shows as `::ffff:a.b.c.d`, and gets the key of its IPv4 address.
  package init(ipv6 high: UInt64, _ low: UInt64) {
    self.init(value: high == 0 && low >> 32 == 0xffff ? low & 0xffff_ffff : high)
  }
}
