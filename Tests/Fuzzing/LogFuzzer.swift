// What the readers of the log do with arbitrary bytes, for libFuzzer; see `run`.
//
// Not a target of the package: it is compiled against the libraries under the fuzzer's instrumentation.

import MusterModel
import MusterStorage
import MusterTestKit

@testable import MusterEngine

/// One input: its first byte says which reader it is for.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzLog(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  guard let start, count > 0 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
  switch start[0] % 4 {
  case 0: recover(bytes)
  case 1: _ = readRecords(bytes)
  case 2: recover(withSums(bytes))
  default: replay(bytes)
  }
  return 0
}

/// Recovery of any bytes as a segment refuses or ends; in salvage it always ends, and what it gives is ordered and whole.
private func recover(_ bytes: [UInt8]) {
  let disk = SimulatedDisk(seed: 1)
  disk.plant(LogFileName.name(sequence: 1, firstLSN: LSN(1)), bytes)
  var strict = LogRecovery(on: disk)
  _ = try? strict.run { _ in }
  var next: UInt64 = 1
  var salvage = LogRecovery(on: disk, mode: .salvage)
  do throws(LogRecoveryError) {
    let report = try salvage.run { part in
      switch part {
      case .records(let records):
        for record in records {
          precondition(record.lsn.rawValue == next, "records are not dense")
          next += 1
        }
      case .lost(let range):
        precondition(range.lowerBound.rawValue == next, "a loss is not where the records end")
        next = range.upperBound.rawValue + 1
      }
    }
    precondition(report.start.nextLSN.rawValue == next, "the log goes on somewhere else")
  } catch {
    guard case .refused(let refusal) = error, refusal.fault == .unknownVersion else { preconditionFailure("\(error)") }
  }
}

/// Records are read or refused, whatever they are said to be.
private func readRecords(_ bytes: [UInt8]) -> [LoggedMutation] {
  guard let count = bytes.first else { return [] }
  var reader = RecordReader(bytes, body: 1..<bytes.count, records: Int(count), firstLSN: LSN(1))
  var records: [LoggedMutation] = []
  do throws(CodecError) {
    while let record = try reader.next() { records.append(record) }
  } catch {}
  return records
}

/// Records that can be read fit into an engine or are refused, and what fitted agrees with itself.
private func replay(_ bytes: [UInt8]) {
  guard let flags = bytes.first else { return }
  let records = readRecords(Array(bytes.dropFirst()))
  guard !records.isEmpty else { return }
  let harness = EngineHarness(planes: 1)
  harness.clock.advance(ticks: 1 << 22)
  let moment = harness.clock.moment
  harness.sessions(0) { shard in
    do throws(RecoveryError) {
      // As behind a snapshot that was written while these records were, or as behind none; with gaps, or without.
      let fuzzyThrough = LSN(UInt64(flags >> 1))
      _ = try shard.replay(records, fuzzyThrough: fuzzyThrough, hasGaps: flags & 1 == 1, moment: moment)
    } catch {}
    shard.finishRecovery(through: LSN(UInt64(records.count)), moment: moment)
  }
  let found = harness.violations()
  precondition(found.isEmpty, "\(found)")
}

/// A segment with sound sums: sums keep a fuzzer out of all that is behind them.
///
/// The input is cut into groups: flags, number, LSN, durable LSN, records and length in a byte each, then the body.
private func withSums(_ bytes: [UInt8]) -> [UInt8] {
  var segment = SegmentHeader(salt: 5, sequence: 1, firstLSN: LSN(1), durable: .zero).bytes
  var rest = bytes[...]
  while rest.count >= 6 {
    let fields = Array(rest.prefix(6)).map { UInt64($0) }
    rest = rest.dropFirst(6)
    var body = Array(rest.prefix(Int(fields[5])))
    rest = rest.dropFirst(body.count)
    while body.count % LogFormat.alignment != 0 { body.append(0) }
    let header = GroupHeader(
      salt: 5, number: fields[1], firstLSN: LSN(fields[2]), durable: LSN(fields[3]), records: Int(fields[4]),
      bodyBytes: body.count, bodySum: fields[0] & 3 == 3 ? 0 : CRC32C.of(body))
    segment += header.bytes + body
  }
  return segment
}
