#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where logs and explanations go.
enum StandardError {
  /// Prints a line, or several.
  static func print(_ text: String) {
    write(text + "\n", to: STDERR_FILENO)
  }
}

/// Where answers go.
enum StandardOutput {
  /// Prints a line that must arrive now, whatever the other end of the stream is.
  static func printLine(_ line: String) {
    write(line + "\n", to: STDOUT_FILENO)
  }
}

/// Writes all of a text, however many calls it takes; what a closed stream does not take is nobody's.
private func write(_ text: String, to descriptor: Int32) {
  var bytes = Array(text.utf8)[...]
  while !bytes.isEmpty {
    // SAFETY: the pointer is used inside the closure only.
    let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 || errno == EINTR else { return }
    bytes = bytes.dropFirst(max(0, count))
  }
}
