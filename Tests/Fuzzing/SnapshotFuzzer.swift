import MusterEngine
import MusterStorage
import MusterTestKit

/// Any bytes, as a snapshot file and as a page: refused or read, never a trap and never memory that is not theirs.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSnapshot(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  // SAFETY: libFuzzer lends `count` bytes for the length of this call.
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  let name = SnapshotFileName.name(sequence: 1)
  let disk = SimulatedDisk(seed: 1)
  disk.plant(name, bytes)
  try? SnapshotReader(name, on: disk).verify()
  _ = try? Manifest(bytes)
  // Sums keep a fuzzer out, so pages are also offered without any.
  var checker = PageChecker()
  _ = checker.check(bytes, shard: 0, through: LSN(.max))
  return 0
}
