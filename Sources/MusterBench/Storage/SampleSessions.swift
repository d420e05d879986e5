package import MusterEngine
package import MusterModel

/// Sessions to fill an engine with, as many as are asked for: one of each user, with data of a given length.
///
/// They are drawn from a seed, so every number stands for the same session in every process. Names are in no order and data has
/// random parts, as real ones: what compresses well here would not be worth measuring.
package struct SampleSessions: Sendable {
  /// Names have nine digits.
  package static let countMax = 100_000_000

  package let count: Int
  package let dataBytes: Int
  private let seed: UInt64

  /// Prepares so many sessions, with so many bytes of data each; without data from 0 to 1 bytes, which no object has.
  package init(count: Int, dataBytes: Int, seed: UInt64 = 1) {
    precondition((1...Self.countMax).contains(count), "there are 1 to \(Self.countMax) sample sessions")
    self.count = count
    self.dataBytes = dataBytes
    self.seed = seed
  }

  /// The user of a session.
  package func user(_ number: Int) -> UserID {
    // A multiplier without common factors with the modulus visits every name once.
    let name = (number * 387_420_489 + 271_828_183) % 1_000_000_000
    var digits = [UInt8](repeating: 48, count: 9)
    var rest = name
    for place in digits.indices.reversed() {
      digits[place] += UInt8(rest % 10)
      rest /= 10
    }
    return UserID(unchecked: Array("user-".utf8) + digits)
  }

  /// The id of a session.
  package func session(_ number: Int) -> SessionID {
    SessionID(placement: user(number).placement, random: mix(number, 1), mix(number, 2))
  }

  /// What grants it.
  package func grant(_ number: Int, at now: WallTime, _ configuration: EngineConfiguration) -> SessionGrant {
    let user = user(number)
    let devices = Device.allCases
    return SessionGrant(
      session: SessionID(placement: user.placement, random: mix(number, 1), mix(number, 2)), user: user, kind: .member,
      device: devices[Int(mix(number, 3) % UInt64(devices.count))], status: .online, text: [], created: now,
      expires: WallTime(milliseconds: now.milliseconds + configuration.sessionLifetime.milliseconds),
      idleTTL: configuration.sessionIdleTTL, resumeWindow: configuration.resumeWindow)
  }

  /// The data of a session in some version of it; `nil` when sessions have none.
  package func data(_ number: Int, version: UInt64 = 1) -> Payload? {
    guard dataBytes > 1 else { return nil }
    let client = ["web 4.12.1", "ios 4.11.0", "android 4.11.3", "desktop 3.9"][Int(mix(number, 4) % 4)]
    var json =
      #"{"client":""# + client + #"","locale":""# + ["en", "de", "fr", "pt-BR"][Int(mix(number, 5) % 4)]
      + #"","device":""# + String(mix(number, 6), radix: 16) + #"","cursor":"#
      + String(mix(number, 7 &+ version) % 10_000_000) + #","pad":""#
    let missing = dataBytes - json.utf8.count - 2
    if missing < 0 {
      json = #"{"a":""# + String(repeating: "x", count: max(0, dataBytes - 8)) + #""}"#
      return dataBytes < 8 ? .empty : Payload(validated: Array(json.utf8))
    }
    // Hexadecimal digits: half as many random bits as there are bytes.
    var pad = ""
    var word: UInt64 = 8
    while pad.utf8.count < missing {
      pad += String(mix(number, word << 8), radix: 16)
      word += 1
    }
    return Payload(validated: Array((json + pad.prefix(missing) + #""}"#).utf8))
  }

  /// SplitMix64 (Steele, Lea and Flood, 2014) over seed, number and purpose.
  private func mix(_ number: Int, _ purpose: UInt64) -> UInt64 {
    var z = seed &+ UInt64(number) &* 0x9e37_79b9_7f4a_7c15 &+ purpose &* 0xd6e8_feb8_6659_fd93
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}
