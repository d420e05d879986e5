import Glibc
import Synchronization

/// The gate of a process that is one of several: it says where it is on stdout and is told on stdin when to go on.
///
///     → at plateau-1
///     ← go plateau-1
package final class PipeGate: LoadGate {
  private struct State {
    var unread: [UInt8] = []
    var open: Set<String> = []
  }

  private let state = Mutex(State())

  package init() {
    _ = fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK)
  }

  package func arrive(at mark: LoadMark) throws(LoadError) {
    try Self.say("at \(mark)")
  }

  package func isOpen(for mark: LoadMark) throws(LoadError) -> Bool {
    let isGone = state.withLock { state in
      var piece = [UInt8](repeating: 0, count: 4096)
      let count = read(STDIN_FILENO, &piece, piece.count)
      if count > 0 { state.unread += piece[..<count] }
      while let end = state.unread.firstIndex(of: 10) {
        let line = String(decoding: state.unread[..<end], as: UTF8.self)
        state.unread.removeSubrange(...end)
        if line.hasPrefix("go ") { state.open.insert(String(line.dropFirst(3))) }
      }
      return count == 0
    }
    if isGone { throw .process("whoever started this process is gone") }
    return state.withLock { $0.open.contains(mark.description) }
  }

  /// Tells the result.
  package static func tell(_ result: ShareResult) throws(LoadError) {
    try say("result \(result.json)")
  }

  private static func say(_ line: String) throws(LoadError) {
    var bytes = Array("\(line)\n".utf8)[...]
    while !bytes.isEmpty {
      // SAFETY: the pointer is used inside the closure only.
      let count = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      guard count > 0 else { throw .process("whoever started this process is gone") }
      bytes = bytes.dropFirst(count)
    }
  }
}
