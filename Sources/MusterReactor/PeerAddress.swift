#if os(Linux)
  import Glibc
  import MusterEdge

  /// Where a socket comes from.
  struct PeerAddress: Sendable, Hashable {
    /// The address without the port; empty for what is not IP.
    let text: String
    /// The address as the limits see it.
    let key: AddressKey

    /// Asks the system for the peer of a socket.
    init(of descriptor: Int32) {
      var storage = sockaddr_storage()
      self = Self.filling(&storage) { getpeername(descriptor, $0, $1) }.map { _ in Self(storage) } ?? Self(sockaddr_storage())
    }

    /// Has a call fill a socket address in.
    ///
    /// - Returns: What the call returned; `nil` when that is negative, and `errno` says why.
    // SAFETY: the storage has room for any address, as its length says, and the pointers end with the closure.
    static func filling(
      _ storage: inout sockaddr_storage, _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Int32? {
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let result = withUnsafeMutablePointer(to: &storage) { storage in
        storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &length) }
      }
      return result < 0 ? nil : result
    }

    /// Reads what the system has filled in.
    // SAFETY: each view of the storage is of the type that its family names, and ends with its closure. `inet_ntop` ends its text
    // with a zero within the buffer.
    init(_ storage: sockaddr_storage) {
      (text, key) = withUnsafeBytes(of: storage) { bytes in
        switch Int32(storage.ss_family) {
        case AF_INET:
          let address = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
          return (Self.text(ipv4: address), AddressKey(ipv4: address))
        case AF_INET6:
          let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
          let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
          var buffer = InlineArray<46, CChar>(repeating: 0)
          var span = buffer.mutableSpan
          let text = span.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress,
              inet_ntop(AF_INET6, bytes.baseAddress.map { $0 + 8 }, start, socklen_t(buffer.count)) != nil
            else { return "" }
            return String(cString: start)
          }
          return (text, AddressKey(ipv6: high, low))
        default: return ("", .other)
        }
      }
    }

    /// Four numbers, in the 15 bytes that a string holds without an allocation.
    private static func text(ipv4 address: UInt32) -> String {
      // SAFETY: four numbers of at most three digits and three points are 15 bytes at most; what was not written is not counted.
      String(unsafeUninitializedCapacity: 15) { room in
        var count = 0
        func put(_ byte: UInt8) {
          room[count] = byte
          count += 1
        }
        for shift: UInt32 in [24, 16, 8, 0] {
          let number = UInt8(truncatingIfNeeded: address >> shift)
          if count > 0 { put(UInt8(ascii: ".")) }
          if number >= 100 { put(UInt8(ascii: "0") + number / 100) }
          if number >= 10 { put(UInt8(ascii: "0") + number / 10 % 10) }
          put(UInt8(ascii: "0") + number % 10)
        }
        return count
      }
    }
  }
#endif
