import Hummingbird
import MusterJSON
import MusterModel
import NIOCore

/// The version of a session's data as an entity tag.
enum EntityTag {
  static func text(_ version: UInt64) -> String { "\"\(version)\"" }

  /// The version that an `If-Match` field demands; `nil` when there is no field, or when any version will do.
  static func version(ifMatch field: String?) throws(Refusal) -> UInt64? {
    guard let field, field != "*" else { return nil }
    guard field.hasPrefix("\""), field.hasSuffix("\""), let version = UInt64(field.dropFirst().dropLast()) else {
      throw Refusal(.badRequest, "If-Match must be an ETag that this server gave, such as \"3\" with its quotes.")
    }
    return version
  }
}

/// A body that is passed on as it is, once it is known to be JSON.
enum JSONBody {
  /// Reads a body that must be one JSON object.
  static func object(of request: Hummingbird.Request, bytesMax: Int) async throws -> Payload {
    let bytes: [UInt8]
    do {
      bytes = Array(try await request.body.collect(upTo: bytesMax).readableBytesView)
    } catch is NIOTooManyBytesError {
      throw Problem(.tooLarge, "The body is larger than \(bytesMax) bytes.")
    }
    do throws(JSONError) {
      // SAFETY: the pointer is used inside the closure only.
      let place = try bytes.span.bytes.withUnsafeBytes { bytes throws(JSONError) in
        var reader = JSONReader(bytes)
        guard try reader.kind() == .object else { throw JSONError(.wrongKind, at: reader.offset) }
        let place = try reader.skipValue()
        try reader.finish()
        return place
      }
      return Payload(validated: Array(bytes[place]))
    } catch {
      throw Refusal(.badRequest, "The body must be a JSON object: \(error).")
    }
  }
}
