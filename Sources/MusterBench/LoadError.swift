import Glibc

/// Why a load could not be run at all.
///
/// What goes wrong with single connections or requests while it runs is no error but counted, in a ``Tally``.
package enum LoadError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The server's address cannot be found out, or is not one for what was asked.
  case address(String)
  /// The process may not open enough descriptors.
  case descriptors(needed: Int, allowed: Int)
  /// A call of the system failed that a load cannot do without.
  case system(call: String, reason: String)
  /// The process named by `--server-pid` is not there.
  case process(String)
  /// The server let nobody in; with its own words where it gave some.
  case refused(String)
  /// The plan contradicts itself.
  case plan(String)

  package var description: String {
    switch self {
    case .address(let sentence), .process(let sentence), .plan(let sentence): sentence
    case .descriptors(let needed, let allowed):
      "\(needed) descriptors are needed, but this process may open \(allowed) (ulimit -n): "
        + "raise the limit or ask for fewer connections"
    case .system(let call, let reason): "\(call): \(reason)"
    case .refused(let sentence): "the server let nobody in: \(sentence)"
    }
  }

  /// The last failure of a system call, by `errno`.
  static func system(_ call: String) -> LoadError {
    .system(call: call, reason: reason(errno))
  }

  /// The system's sentence for an error number.
  static func reason(_ number: Int32) -> String {
    strerror(number).map { String(cString: $0) } ?? "error \(number)"
  }
}
