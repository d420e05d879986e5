/// A drawing that is put together element by element.
///
/// White ground, dark text, no script and nothing from elsewhere: it looks alike in a browser, in a README and on paper.
struct SVGDocument {
  /// Eight colours that those can tell apart who see fewer (Okabe and Ito, 2008).
  static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999999"]

  private var body = ""
  private let width: Int
  private let height: Int

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  /// Where a text begins or ends.
  enum Anchor: String {
    case start
    case middle
    case end
  }

  mutating func text(
    _ words: String, _ x: Double, _ y: Double, size: Int = 13, _ anchor: Anchor = .start, colour: String = "#222",
    isBold: Bool = false, isUpright: Bool = false
  ) {
    let turn = isUpright ? " transform=\"rotate(-90 \(Self.place(x)) \(Self.place(y)))\"" : ""
    let weight = isBold ? " font-weight=\"600\"" : ""
    body += "<text x=\"\(Self.place(x))\" y=\"\(Self.place(y))\" font-size=\"\(size)\" fill=\"\(colour)\" "
    body += "text-anchor=\"\(anchor.rawValue)\"\(weight)\(turn)>\(Self.escaped(words))</text>\n"
  }

  mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, colour: String, width: Double = 1, isDashed: Bool = false
  ) {
    let dashes = isDashed ? " stroke-dasharray=\"6 4\"" : ""
    body += "<line x1=\"\(Self.place(x1))\" y1=\"\(Self.place(y1))\" x2=\"\(Self.place(x2))\" y2=\"\(Self.place(y2))\" "
    body += "stroke=\"\(colour)\" stroke-width=\"\(Self.place(width))\"\(dashes)/>\n"
  }

  mutating func path(_ points: [(x: Double, y: Double)], colour: String, isDashed: Bool = false) {
    guard !points.isEmpty else { return }
    let places = points.map { "\(Self.place($0.x)),\(Self.place($0.y))" }.joined(separator: " ")
    let dashes = isDashed ? " stroke-dasharray=\"6 4\"" : ""
    body += "<polyline points=\"\(places)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"\(dashes)/>\n"
  }

  mutating func dot(_ x: Double, _ y: Double, colour: String) {
    body += "<circle cx=\"\(Self.place(x))\" cy=\"\(Self.place(y))\" r=\"4\" fill=\"\(colour)\"/>\n"
  }

  mutating func bar(_ x: Double, _ y: Double, _ width: Double, _ height: Double, colour: String) {
    body += "<rect x=\"\(Self.place(x))\" y=\"\(Self.place(y))\" width=\"\(Self.place(max(width, 1)))\" "
    body += "height=\"\(Self.place(height))\" fill=\"\(colour)\"/>\n"
  }

  /// The whole file.
  var svg: String {
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" width=\"\(width)\" height=\"\(height)\" "
      + "font-family=\"system-ui, 'DejaVu Sans', Arial, sans-serif\">\n"
      + "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\(body)</svg>\n"
  }

  static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
  }

  private static func place(_ value: Double) -> String { Report.Value.fixed(value, digits: 1) ?? "0" }
}
