#if canImport(Glibc)
  @preconcurrency import Glibc
#elseif canImport(Musl)
  @preconcurrency import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The environment of this process.
enum Environment {
  /// All variables that are UTF-8.
  static var variables: [String: String] {
    var variables: [String: String] = [:]
    // SAFETY: this is an array of C strings that ends with a null pointer; nothing in this process changes it.
    #if canImport(Darwin)
      var next = _NSGetEnviron().pointee
    #else
      var next: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
    #endif
    while let place = next, let entry = place.pointee {
      next = place + 1
      guard let text = String(validatingCString: entry), let mark = text.firstIndex(of: "=") else { continue }
      variables[String(text[..<mark])] = String(text[text.index(after: mark)...])
    }
    return variables
  }
}
