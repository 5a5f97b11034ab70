/// A message read by a test: a request at the origin, or a response at the client.
struct TestMessage {
    let startLine: String
    let fields: [(name: String, value: String)]
    var body: [UInt8] = []
    /// Trailer lines as they came.
    var trailers: [String] = []

    var status: Int { Int(self.startLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }
    var method: String { String(self.startLine.split(separator: " ").first ?? "") }
    var target: String { String(self.startLine.split(separator: " ").dropFirst().first ?? "") }
    var text: String { String(decoding: self.body, as: UTF8.self) }

    /// The value of a field, all of them joined when it is repeated.
    subscript(name: String) -> String? {
        let values = self.fields.filter { $0.name == name.lowercased() }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: "|")
    }

    init?(head: String) {
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: true)
        guard !lines.isEmpty else { return nil }
        self.startLine = String(lines.removeFirst())
        self.fields = lines.map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            let value = parts.count > 1 ? String(parts[1]) : ""
            return (parts[0].lowercased(), String(value.drop { $0 == " " }))
        }
    }
}

extension TestStream {
    /// Reads one message; interim responses are messages of their own.
    func message(hasBody: Bool = true) -> TestMessage? {
        guard let head = self.receive(through: "\r\n\r\n"), var message = TestMessage(head: head)
        else { return nil }
        let isBodyless =
            (100..<200).contains(message.status) || [204, 304].contains(message.status)
        guard hasBody, !isBodyless else { return message }
        if message["transfer-encoding"] == "chunked" {
            guard let (body, trailers) = self.chunks() else { return nil }
            message.body = body
            message.trailers = trailers
        } else if let length = message["content-length"].flatMap({ Int($0) }) {
            guard let body = self.receive(exactly: length) else { return nil }
            message.body = body
        } else if message.startLine.hasPrefix("HTTP/") {
            message.body = self.receiveAll()
        }
        return message
    }

    private func chunks() -> (body: [UInt8], trailers: [String])? {
        var result: [UInt8] = []
        var trailers: [String] = []
        while let line = self.receive(through: "\r\n") {
            guard let size = Int(line.dropLast(1).prefix { $0 != ";" }, radix: 16) else {
                return nil
            }
            guard size > 0 else {
                while let trailer = self.receive(through: "\r\n") {
                    if trailer == "\r\n" { return (result, trailers) }
                    trailers.append(String(trailer.dropLast()))
                }
                return nil
            }
            guard let chunk = self.receive(exactly: size), self.receive(exactly: 2) != nil else {
                return nil
            }
            result += chunk
        }
        return nil
    }
}
