// What the readers of snapshots do with arbitrary bytes, for libFuzzer; see `run`.
//
// Not a target of the package: it is compiled against the libraries under the fuzzer's instrumentation.

import Glibc
import MusterModel
import MusterTestKit

@testable import MusterEngine
@testable import MusterStorage

private let name = SnapshotFileName.name(sequence: 1)

/// One input: its first byte says what the others are.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzSnapshot(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  guard let start, count > 0 else { return 0 }
  // SAFETY: libFuzzer lends `count` bytes for the length of this call.
  let bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
  switch start[0] % 4 {
  case 0: readFile(bytes)
  case 1: readManifest(bytes)
  case 2: readPages(bytes)
  default: readFile(sound(bytes))
  }
  return 0
}

/// Any bytes as a snapshot file: refused by name, or sound, and then an engine can be asked to load it.
private func readFile(_ bytes: [UInt8]) {
  let disk = SimulatedDisk(seed: 1)
  disk.plant(name, bytes)
  do throws(SnapshotError) {
    let reader = try SnapshotReader(name, on: disk)
    try reader.verify()
    guard reader.planes <= 4 else { return }
    load(reader)
  } catch {}
}

/// What is taken for a manifest is exactly what this manifest is written as.
private func readManifest(_ bytes: [UInt8]) {
  guard let manifest = try? Manifest(bytes) else { return }
  precondition(Array(manifest.text.utf8) == bytes, "a manifest is taken that would have been written otherwise")
}

/// Pages without a file: sums and compression keep a fuzzer out of all that is behind them.
private func readPages(_ bytes: [UInt8]) {
  var page = bytes
  guard page.count >= 4 else { return }
  // The length as it is, so that inputs of any length get beyond it.
  for byte in 0..<4 { page[byte] = UInt8(truncatingIfNeeded: page.count >> (8 * byte)) }
  var checker = PageChecker()
  guard checker.check(page, shard: 0, through: LSN(.max)) != nil else { return }
  load(PagesInMemory(frame: page))
}

/// A sound file of whatever pages: planes, then for each page its shard, its sessions and its length in 2 bytes.
private func sound(_ bytes: [UInt8]) -> [UInt8] {
  guard let first = bytes.first else { return [] }
  let planes = Int(first % 3) + 1
  let disk = SimulatedDisk(seed: 1)
  let queue = PageQueue(shards: planes, bytesMax: .max) {}
  var rest = bytes.dropFirst()
  while rest.count >= 4 {
    let fields = rest.prefix(4).map { Int($0) }
    rest = rest.dropFirst(4)
    let page = Array(rest.prefix(fields[2] | fields[3] << 8))
    rest = rest.dropFirst(page.count)
    _ = queue.offer(CapturedPage(shard: fields[0] % planes, through: LSN(9), sessions: fields[1], bytes: page))
  }
  for shard in 0..<planes { queue.finish(shard: shard, through: LSN(9)) }
  let header = SnapshotHeader(planes: planes, sequence: 1, coveredThrough: LSN(9), begun: WallTime(milliseconds: 0))
  guard let file = try? disk.create(name), var writer = try? SnapshotWriter(file, header, level: 1),
    (try? writer.run(queue)) != nil
  else { preconditionFailure("a simulated disk without faults could not be written") }
  return disk.bytes(of: name) ?? []
}

/// Pages that were found sound go into an engine or are refused; if all of them went in, the engine agrees with itself.
private func load(_ source: any SnapshotSource) {
  let harness = EngineHarness(planes: 1)
  harness.clock.advance(ticks: 1 << 22)
  let moment = harness.clock.moment
  let isLoaded = harness.sessions(0) { shard in
    do {
      for part in 0..<source.planes { _ = try shard.load(source.frames(of: part), of: source, moment: moment) }
      return true
    } catch {
      guard error is RecoveryError || error is SnapshotError else { preconditionFailure("\(error)") }
      return false
    }
  }
  guard isLoaded else { return }
  harness.sessions(0) { $0.finishRecovery(through: source.through, moment: moment) }
  let found = harness.violations()
  precondition(found.isEmpty, "\(found)")
}

/// One frame of one shard.
private struct PagesInMemory: SnapshotSource {
  var frame: [UInt8]
  var through: LSN { LSN(.max) }
  var planes: Int { 1 }
  func frames(of shard: Int) -> Range<Int> { 0..<1 }
  func frame(_ index: Int) throws -> [UInt8] { frame }
}

// MARK: Seeds

/// Takes the golden snapshot apart, for `MUSTER_FUZZ_SEEDS=<file>,<directory>`: a fuzzer does not find whole pages by itself.
@_cdecl("LLVMFuzzerInitialize")
func begin(_ count: UnsafePointer<Int32>?, _ words: UnsafeRawPointer?) -> Int32 {
  guard let value = getenv("MUSTER_FUZZ_SEEDS") else { return 0 }
  let paths = String(cString: value).split(separator: ",").map(String.init)
  precondition(paths.count == 2, "MUSTER_FUZZ_SEEDS is a file and a directory")
  let disk = SimulatedDisk(seed: 1)
  disk.plant(name, contents(of: paths[0]))
  do {
    let reader = try SnapshotReader(name, on: disk)
    for index in reader.frames.indices {
      let pages = try reader.frame(index)
      let length = [UInt8(truncatingIfNeeded: pages.count), UInt8(truncatingIfNeeded: pages.count >> 8)]
      let frame = reader.frames[index]
      write([2] + pages, to: "\(paths[1])/pages-\(index)")
      write([3, 1, UInt8(frame.shard), UInt8(frame.sessions)] + length + pages, to: "\(paths[1])/frame-\(index)")
    }
  } catch { preconditionFailure("the golden snapshot cannot be read: \(error)") }
  let manifest = Manifest(snapshot: name, snapshotBytes: 4_096, coveredThrough: LSN(7), durableThrough: LSN(9))
  write([1] + Array(manifest.text.utf8), to: "\(paths[1])/manifest")
  return 0
}

private func contents(of path: String) -> [UInt8] {
  guard let file = fopen(path, "r") else { preconditionFailure("\(path) cannot be read") }
  defer { fclose(file) }
  var bytes = [UInt8](repeating: 0, count: 1 << 20)
  let count = fread(&bytes, 1, bytes.count, file)
  return Array(bytes[..<count])
}

private func write(_ bytes: [UInt8], to path: String) {
  guard let file = fopen(path, "w") else { preconditionFailure("\(path) cannot be written") }
  defer { fclose(file) }
  precondition(fwrite(bytes, 1, bytes.count, file) == bytes.count, "\(path) could not be written")
}
