import CLinux
import Glibc
import MusterJSON

extension ConnectionTable {
  /// Hands what was composed to the socket; what it does not take now follows when it has room.
  package mutating func flush() {
    guard !output.isEmpty else { return }
    let row = outputRow
    defer { output.removeAll(keepingCapacity: true) }
    guard rows[row].descriptor >= 0 else { return }
    if rows[row].hasUnsent {
      keepUnsent(from: 0, row: row)
      return
    }
    let descriptor = rows[row].descriptor
    // SAFETY: the pointer is used inside the closure only.
    let sent = output.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    if sent == output.count { return }
    // A broken connection shows itself by its next event, with the reason.
    if sent < 0, errno != EAGAIN, errno != EINTR { return }
    keepUnsent(from: max(0, sent), row: row)
  }

  /// Goes on with what the socket did not take before.
  mutating func flushUnsent(row: Int) {
    guard rows[row].hasUnsent, let bytes = unsent[row] else { return }
    let descriptor = rows[row].descriptor
    let sent = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    if sent < 0 { return }
    if sent == bytes.count {
      unsent[row] = nil
      rows[row].hasUnsent = false
      poller.change(descriptor, row: row, writable: false)
    } else {
      unsent[row] = Array(bytes[sent...])
    }
  }

  private mutating func keepUnsent(from start: Int, row: Int) {
    if !rows[row].hasUnsent {
      rows[row].hasUnsent = true
      poller.change(rows[row].descriptor, row: row, writable: true)
    }
    // SAFETY: copied inside the closure.
    let rest = output.withUnsafeBytes { Array($0[start...]) }
    unsent[row, default: []] += rest
    if (unsent[row]?.count ?? 0) > Self.unsentBytesMax {
      tally.count(.timeout, "not_read", "The server did not read \(Self.unsentBytesMax) bytes that were sent to it.")
      drop(row: row)
    }
  }
}
