import MusterJSON

extension EngineFigures {
  /// The figures of several sizes as a table of Markdown, one column for each size.
  package static func markdown(_ all: [EngineFigures]) -> String {
    var lines = ["| | " + all.map { "\(count($0.sessions)) sessions" }.joined(separator: " | ") + " |"]
    lines.append("|" + String(repeating: " --- |", count: all.count + 1))
    for row in rows {
      lines.append("| \(row.title) | " + all.map { row.value($0).map(number) ?? "–" }.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n")
  }

  /// The figures as one JSON object.
  package var json: String {
    var writer = JSONWriter()
    writer.beginObject()
    writer.pair("sessions", integer: sessions)
    for row in Self.rows {
      guard let value = row.value(self) else { continue }
      writer.key(Array(row.key.utf8))
      writer.raw(Array(Self.number(value).utf8))
    }
    writer.endObject()
    // SAFETY: the bytes are copied inside the closure.
    return writer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }

  private struct Row: Sendable {
    let key: String
    let title: String
    let value: @Sendable (EngineFigures) -> Double?
  }

  private static let rows: [Row] = [
    Row(key: "open_ns", title: "open, ns") { $0.openNanoseconds },
    Row(key: "beat_by_slot_ns", title: "heartbeat by slot, ns") { $0.beatBySlotNanoseconds },
    Row(key: "beat_by_id_ns", title: "heartbeat by id in batches of 64, ns") { $0.beatByIDNanoseconds },
    Row(key: "dormant_ns", title: "lease over, ns") { $0.dormantNanoseconds },
    Row(key: "expire_ns", title: "expiry, ns") { $0.expireNanoseconds },
    Row(key: "idle_tick_ns", title: "tick with nothing due, ns") { $0.idleTickNanoseconds },
    Row(key: "table_bytes", title: "tables, bytes for each dormant session") { $0.tableBytesPerSession },
    Row(key: "private_bytes", title: "process, bytes for each dormant session") { $0.privateBytesPerSession },
    Row(key: "longest_slice_us", title: "longest slice of timers, µs") { $0.longestSliceNanoseconds / 1e3 },
    Row(key: "longest_open_us", title: "longest open, µs") { $0.longestOpenNanoseconds / 1e3 },
  ]

  private static func count(_ sessions: Int) -> String {
    switch sessions {
    case 1_000_000...: "\(sessions / 1_000_000) M"
    case 1_000...: "\(sessions / 1_000) k"
    default: "\(sessions)"
    }
  }

  /// With one digit behind the point.
  private static func number(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(abs(tenths % 10))"
  }
}
