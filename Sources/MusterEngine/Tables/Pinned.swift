import Synchronization

/// A field that keeps the struct it is in where it is.
///
/// What calls a method that does not mutate, on a struct of hundreds of bytes, from one that does, makes a copy of the struct
/// first: the compiler treats a struct of plain fields as a value to be loaded, also where it cannot be copied by the
/// language's rules, and it is too large for registers. A heartbeat copied 1,568 bytes so, more than half of its instructions.
/// An atomic has no value apart from its address, and neither has what contains one.
///
/// It takes one byte, and is neither read nor written.
struct Pinned: ~Copyable {
  private let address = Atomic<Bool>(false)
}
