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
    // SAFETY: `getpeername` fills at most `length` bytes; each view of the storage is of the type that its family names, and ends
    // with its closure. `inet_ntop` ends its text with a zero within the buffer.
    init(of descriptor: Int32) {
      var storage = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let family = withUnsafeMutableBytes(of: &storage) { bytes -> Int32 in
        guard let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
        guard getpeername(descriptor, address, &length) == 0 else { return -1 }
        return Int32(address.pointee.sa_family)
      }
      var buffer = InlineArray<46, CChar>(repeating: 0)
      (text, key) = withUnsafeBytes(of: &storage) { bytes in
        switch family {
        case AF_INET:
          let address = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
          return (Self.text(family, bytes, from: 4, &buffer), AddressKey(ipv4: UInt32(bigEndian: address)))
        case AF_INET6:
          let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
          let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
          return (Self.text(family, bytes, from: 8, &buffer), AddressKey(ipv6: high, low))
        default: return ("", .other)
        }
      }
    }

    private static func text(
      _ family: Int32, _ bytes: UnsafeRawBufferPointer, from offset: Int, _ buffer: inout InlineArray<46, CChar>
    ) -> String {
      var span = buffer.mutableSpan
      // SAFETY: the buffer has room for the longest address of either family and its zero, where the text ends.
      return span.withUnsafeMutableBufferPointer { buffer in
        guard let start = buffer.baseAddress,
          inet_ntop(family, bytes.baseAddress.map { $0 + offset }, start, socklen_t(buffer.count)) != nil
        else { return "" }
        return String(cString: start)
      }
    }
  }
#endif
