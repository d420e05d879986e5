import MusterEngine
import MusterJSON
import MusterStorage

extension Inspection {
  /// The inspection for people: aligned lines, ending with a line break.
  package var table: String {
    var lines = ["muster inspect \(path)"]
    if let manifest {
      lines.append(
        "  manifest  \(manifest.snapshot), \(manifest.snapshotBytes) bytes; covers record \(manifest.coveredThrough.rawValue), "
          + "durable through \(manifest.durableThrough.rawValue)")
    } else {
      lines.append("  manifest  none")
    }
    lines += Self.grid(
      [["  snapshot", "bytes", "shards", "frames", "pages", "sessions", "covers", "through", ""]]
        + snapshots.map { snapshot in
          [
            "  \(snapshot.name)", "\(snapshot.bytes)", "\(snapshot.shards)", "\(snapshot.frames)", "\(snapshot.pages)",
            "\(snapshot.sessions)", "\(snapshot.coveredThrough)", "\(snapshot.through)",
            (snapshot.counts ? "counts" : "spare") + (snapshot.isVerified ? ", verified" : ""),
          ]
        })
    lines += Self.grid(
      [["  segment", "bytes", "used", "groups", "records", "from", "through", ""]]
        + segments.map { segment in
          let counts = segment.isRead ? [segment.bytesUsed, segment.groups, segment.records].map { "\($0)" } : ["-", "-", "-"]
          return ["  \(segment.name)", "\(segment.size)"] + counts + [
            "\(segment.firstLSN)", segment.isRead ? "\(segment.lastLSN)" : "-", segment.isNeeded ? "needed" : "spare",
          ]
        })
    if let recovery {
      lines.append(
        "  a start would replay \(recovery.recordsReplayed) records, skip \(recovery.recordsSkipped), and go on with record "
          + "\(recovery.start.nextLSN.rawValue)")
    }
    if !otherFiles.isEmpty { lines.append("  other files: \(otherFiles.joined(separator: ", "))") }
    lines += remarks.map { "  note: \($0)" }
    lines += problems.map { "  UNSOUND: \($0)" }
    lines.append(isSound ? "  sound" : "  unsound: a server refuses to start, or would without what is spare")
    return lines.joined(separator: "\n") + "\n"
  }

  /// Columns, the first and the last to the left, the others to the right; nothing without rows.
  private static func grid(_ rows: [[String]]) -> [String] {
    guard rows.count > 1 else { return [] }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      row.indices.map { column in
        let room = String(repeating: " ", count: widths[column] - row[column].count)
        return column == 0 ? row[column] + room : column == row.count - 1 ? row[column] : room + row[column]
      }.joined(separator: "  ").trimmingEnd
    }
  }

  /// The inspection as one JSON object on one line, without a line break at its end.
  package var json: String {
    var writer = JSONWriter(capacity: 2048)
    writer.beginObject()
    writer.pair("type", string: "inspection")
    writer.pair("path", string: path)
    writer.pair("sound", bool: isSound)
    if let manifest {
      writer.key("manifest")
      writer.beginObject()
      writer.pair("snapshot", string: manifest.snapshot)
      writer.pair("bytes", integer: manifest.snapshotBytes)
      writer.pair("covered_through", integer: manifest.coveredThrough.rawValue)
      writer.pair("durable_through", integer: manifest.durableThrough.rawValue)
      writer.endObject()
    }
    writer.key("snapshots")
    writer.beginArray()
    for snapshot in snapshots { snapshot.write(into: &writer) }
    writer.endArray()
    writer.key("segments")
    writer.beginArray()
    for segment in segments { segment.write(into: &writer) }
    writer.endArray()
    if let recovery {
      writer.pair("records_to_replay", integer: recovery.recordsReplayed)
      writer.pair("next_lsn", integer: recovery.start.nextLSN.rawValue)
    }
    for (name, texts) in [("other_files", otherFiles), ("remarks", remarks), ("problems", problems)] {
      writer.key(Array(name.utf8))
      writer.beginArray()
      for text in texts { writer.string(text) }
      writer.endArray()
    }
    writer.endObject()
    return String(decoding: writer.copyBytes(), as: UTF8.self)
  }
}

extension Inspection.Snapshot {
  fileprivate func write(into writer: inout JSONWriter) {
    writer.beginObject()
    writer.pair("name", string: name)
    writer.pair("bytes", integer: bytes)
    writer.pair("shards", integer: shards)
    writer.pair("frames", integer: frames)
    writer.pair("pages", integer: pages)
    writer.pair("sessions", integer: sessions)
    writer.pair("covered_through", integer: coveredThrough)
    writer.pair("through", integer: through)
    writer.pair("counts", bool: counts)
    writer.pair("verified", bool: isVerified)
    writer.endObject()
  }
}

extension Inspection.Segment {
  fileprivate func write(into writer: inout JSONWriter) {
    writer.beginObject()
    writer.pair("name", string: name)
    writer.pair("bytes", integer: size)
    writer.pair("needed", bool: isNeeded)
    writer.pair("first_lsn", integer: firstLSN)
    if isRead {
      writer.pair("bytes_used", integer: bytesUsed)
      writer.pair("groups", integer: groups)
      writer.pair("records", integer: records)
      writer.pair("last_lsn", integer: lastLSN)
    }
    writer.endObject()
  }
}

extension String {
  /// Without the spaces at its end.
  fileprivate var trimmingEnd: String {
    guard let last = lastIndex(where: { $0 != " " }) else { return "" }
    return String(self[...last])
  }
}
