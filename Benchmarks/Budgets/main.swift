/// Runs one operation so many times, always the same way, for callgrind to count its instructions.
///
///     MusterBudgets OPERATION COUNT     runs it
///     MusterBudgets list                names the operations
///     MusterBudgets rows                the bytes of the rows of all tables, as JSON
///
/// Two runs with different counts give the cost of one: what comes before and after is the same in both.

let arguments = CommandLine.arguments
if arguments == [arguments[0], "list"] {
  for operation in Operation.allCases { print(operation.rawValue) }
} else if arguments == [arguments[0], "rows"] {
  print(RowBytes.json)
} else if arguments.count == 3, let operation = Operation(rawValue: arguments[1]), let count = Int(arguments[2]), count > 0 {
  operation.run(count)
} else {
  print("usage: MusterBudgets (OPERATION COUNT | list | rows)")
}
