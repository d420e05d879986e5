/// A string inside a JSON text, found and validated but not yet copied.
///
/// It names a place, not bytes, so it may outlive the reader that found it; only a ``JSONReader`` over the same bytes makes
/// something of it.
package struct JSONText: Sendable, Hashable {
  /// The bytes between the quotes, as they stand in the text.
  package let range: Range<Int>
  /// Whether there is no escape sequence in it, so that ``range`` is the string itself.
  package let isPlain: Bool
}
