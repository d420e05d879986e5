import MusterModel
import Testing

@testable import MusterServer

@Suite("Durations as text")
struct DurationTextTests {
  @Test(
    "a whole number and a unit",
    arguments: [
      ("1500ms", .milliseconds(1500)), ("25s", .seconds(25)), ("30m", .seconds(1800)), ("12h", .seconds(43_200)),
      ("30d", .seconds(2_592_000)), ("0", .zero), ("0s", .zero),
    ] as [(String, Duration)])
  func reads(text: String, duration: Duration) {
    #expect(DurationText.duration(text) == duration)
  }

  @Test(
    "anything else is none",
    arguments: ["", "25", "s", "1.5s", "-1s", "1 s", "1S", "1w", "25s ", "99999999999999999999s", "9223372036854775807d", "²s"])
  func refuses(text: String) {
    #expect(DurationText.duration(text) == nil)
  }

  @Test("written with the largest unit that fits, and read back the same")
  func writes() {
    for text in ["1500ms", "25s", "90m", "12h", "30d", "0s"] {
      #expect(DurationText.duration(text).map(DurationText.text) == text)
    }
    #expect(DurationText.text(.seconds(3600)) == "1h")
  }
}

@Suite("Addresses as text")
struct ListenAddressTests {
  @Test(
    "host and port, IPv6 in brackets",
    arguments: [
      ("127.0.0.1:7600", "127.0.0.1", 7600), ("localhost:0", "localhost", 0), ("[::1]:65535", "::1", 65535),
      ("example.com:80", "example.com", 80),
    ])
  func reads(text: String, host: String, port: Int) {
    #expect(ListenAddress(text) == ListenAddress(host: host, port: port))
    #expect(ListenAddress(text)?.description == text)
  }

  @Test(
    "anything else is none",
    arguments: [
      "", "7600", ":7600", "127.0.0.1", "127.0.0.1:", "a:65536", "a:-1", "a:+1", "::1:7600", "[a]:1", "a b:1", "[::1:1",
    ])
  func refuses(text: String) {
    #expect(ListenAddress(text) == nil)
  }
}

@Suite("Times as HTTP writes them")
struct HTTPDateTests {
  @Test(
    "the example of RFC 9110, the beginning of the count, a leap day and the end of a year",
    arguments: [
      (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
      (1_709_210_096, "Thu, 29 Feb 2024 12:34:56 GMT"), (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
    ] as [(Int64, String)])
  func dates(seconds: Int64, text: String) {
    #expect(HTTPDate.text(WallTime(milliseconds: seconds * 1_000 + 999)) == text)
  }
}
