#if os(Linux)
  import Glibc

  /// A call of the system without which there is no reactor.
  package struct ReactorError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The name of the call.
    package var call: String
    /// What it set `errno` to.
    package var code: Int32

    init(_ call: String, code: Int32 = errno) {
      self.call = call
      self.code = code
    }

    package var description: String { "\(call): \(String(cString: strerror(code)))" }
  }
#endif
