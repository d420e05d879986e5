/// Which web pages may talk to the public port.
///
/// A browser sends the origin of the page with every WebSocket and every cross-origin request, and a page cannot change it.
/// Programs that are not browsers send none and are not affected: this protects users of browsers, not the server.
package enum OriginPolicy: Sendable, Hashable {
  /// Any page.
  case any
  /// Pages of the server's own host only.
  case sameHost
  /// Pages of these origins (`https://chat.example.com`, as browsers write them) and of the server's own host.
  case listed(Set<String>)

  /// Reads the setting: `*` for any, nothing for the own host, otherwise a list of origins.
  ///
  /// - Returns: `nil` when an entry is not an origin.
  package init?(_ entries: [String]) {
    if entries.contains("*") {
      self = .any
      return
    }
    var origins: Set<String> = []
    for entry in entries {
      guard let origin = Self.canonical(entry) else { return nil }
      origins.insert(origin)
    }
    self = origins.isEmpty ? .sameHost : .listed(origins)
  }

  /// Judges a request by its header fields.
  ///
  /// `origin` is the `Origin` field, `nil` when there is none, so that no browser is at work; `host` is the `Host` field.
  package func allows(origin: String?, host: String?) -> Bool {
    guard let origin, self != .any else { return true }
    let given = origin.lowercased()
    if let host, given == "http://\(host.lowercased())" || given == "https://\(host.lowercased())" { return true }
    guard case .listed(let origins) = self else { return false }
    return origins.contains(given)
  }

  /// An origin as browsers write it: scheme and host in lower case, no path.
  private static func canonical(_ entry: String) -> String? {
    let lower = entry.lowercased()
    let text = lower.hasSuffix("/") ? String(lower.dropLast()) : lower
    for scheme in ["http://", "https://"] where text.hasPrefix(scheme) {
      let host = text.dropFirst(scheme.count)
      return host.isEmpty || host.contains(where: { "/?#@ ".contains($0) }) ? nil : text
    }
    return nil
  }
}
