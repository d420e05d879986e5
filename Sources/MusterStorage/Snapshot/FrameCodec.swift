import CZstd

/// Compresses the bodies of frames, each on its own, with zstd's content checksum.
///
/// ### Isolation
/// One thread. `~Copyable`, since it owns a context of the library.
struct FrameCompressor: ~Copyable {
  // SAFETY: a context of the library, owned by this value alone and freed in `deinit`.
  private let context: OpaquePointer
  private var out: [UInt8] = []

  /// - Parameter level: As zstd counts: 1 is fast, negative ones are faster.
  init(level: Int32) {
    guard let context = ZSTD_createCCtx() else { preconditionFailure("there is no memory for a context of zstd") }
    self.context = context
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
  }

  deinit {
    ZSTD_freeCCtx(context)
  }

  /// Compresses a body; lends the result until the next call.
  mutating func compress(_ body: [UInt8]) -> ArraySlice<UInt8> {
    let bound = ZSTD_compressBound(body.count)
    if out.count < bound { out = [UInt8](repeating: 0, count: bound) }
    // SAFETY: both buffers are as long as said, and are not kept by the library.
    let written = out.withUnsafeMutableBytes { out in
      body.withUnsafeBytes { ZSTD_compress2(context, out.baseAddress, out.count, $0.baseAddress, $0.count) }
    }
    // With room for the bound only a defect of the library is left.
    precondition(ZSTD_isError(written) == 0, "zstd could not compress \(body.count) bytes")
    return out[..<written]
  }
}

/// Unpacks the bodies of frames.
///
/// A value without state, since frames are read by several threads at once.
enum FrameDecompressor {
  /// Unpacks a body that has exactly so many bytes; `nil` when it is not what was packed.
  static func decompress(_ stored: ArraySlice<UInt8>, plainBytes: Int) -> [UInt8]? {
    // SAFETY: both buffers are as long as said, and are not kept by the library; all bytes are written when the count is right.
    let plain = stored.withUnsafeBytes { stored in
      [UInt8](unsafeUninitializedCapacity: plainBytes) { out, count in
        let written = ZSTD_decompress(out.baseAddress, plainBytes, stored.baseAddress, stored.count)
        count = ZSTD_isError(written) == 0 ? written : 0
      }
    }
    return plain.count == plainBytes ? plain : nil
  }
}
