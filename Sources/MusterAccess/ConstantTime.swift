/// Comparing secrets.
package enum ConstantTime {
  /// Whether two byte strings are equal, in a time that depends on their lengths only.
  ///
  /// An ordinary comparison stops at the first difference, and its duration tells an attacker how much of a guess was right.
  package static func areEqual(_ first: [UInt8], _ second: [UInt8]) -> Bool {
    guard first.count == second.count else { return false }
    var difference: UInt8 = 0
    for index in first.indices { difference |= first[index] ^ second[index] }
    return difference == 0
  }
}
