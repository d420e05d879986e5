import MusterModel

/// A name of at most 16 bytes as one number, its first byte lowest; what `JSONReader.packed(_:)` gives.
typealias PackedName = UInt128

/// Packs a literal of at most 16 bytes of ASCII.
///
/// Always inlined, so that a name in the source becomes a constant.
@inline(__always)
func packed(_ literal: StaticString) -> PackedName {
  let count = literal.utf8CodeUnitCount
  precondition(count <= 16, "a packed name has at most 16 bytes")
  var name: PackedName = 0
  // SAFETY: a literal lives as long as the process, and only its own bytes are read.
  for index in 0..<count { name |= PackedName(literal.utf8Start[index]) << PackedName(index * 8) }
  return name
}

extension Status {
  /// The status that a client names; `offline` cannot be set and is none.
  init?(_ name: PackedName) {
    switch name {
    case packed("online"): self = .online
    case packed("away"): self = .away
    case packed("dnd"): self = .dnd
    case packed("invisible"): self = .invisible
    default: return nil
    }
  }
}

extension Device {
  /// The device class that a client names.
  init?(_ name: PackedName) {
    switch name {
    case packed("web"): self = .web
    case packed("ios"): self = .ios
    case packed("android"): self = .android
    case packed("desktop"): self = .desktop
    case packed("bot"): self = .bot
    case packed("other"): self = .other
    default: return nil
    }
  }
}
