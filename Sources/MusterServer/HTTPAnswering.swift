import Hummingbird
import HummingbirdCore
import Logging
import MusterModel
import NIOHTTP1

/// Answers the requests of a socket that no server of Hummingbird has accepted.
enum HTTPAnswering {
  /// What Hummingbird's application does around its responder: a context, a last resort for errors, the date.
  static func responder<Responder: HTTPResponder>(
    of responder: Responder, logger: Logger
  ) -> HTTPChannelHandler.Responder where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    { request, writer, channel in
      var logger = logger
      logger[metadataKey: "hb.request.id"] = "\(RequestID())"
      let context = Responder.Context(source: .init(channel: channel, logger: logger))
      var response: Response
      do {
        response = try await responder.respond(to: request, context: context)
      } catch let error as HTTPParserError {
        throw error
      } catch {
        logger.debug("a request failed", metadata: ["error": "\(error)"])
        response = Response(status: .internalServerError)
      }
      response.headers[.date] = HTTPDate.text(SystemClock().wall)
      try await writer.write(response: response.head, body: response.body)
    }
  }
}

/// Times as HTTP writes them (RFC 9110, 5.6.7).
enum HTTPDate {
  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// A time as `Sun, 06 Nov 1994 08:49:37 GMT`.
  static func text(_ time: WallTime) -> String {
    let seconds = time.milliseconds / 1_000
    let (day, second) = (Int(seconds / 86_400), Int(seconds % 86_400))
    let date = civil(fromDays: day)
    let clock = "\(padded(second / 3_600)):\(padded(second / 60 % 60)):\(padded(second % 60))"
    return "\(days[(day + 4) % 7]), \(padded(date.day)) \(months[date.month - 1]) \(date.year) \(clock) GMT"
  }

  /// The date so many days after 1970-01-01, which must not be before it.
  ///
  /// After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
  private static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }

  private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
