import MeshHTTP

/// What templates find in one request.
struct RequestValues: TemplateValues {
    private let request: PluginRequest
    private let edits: PluginEdits

    init(_ request: PluginRequest, _ edits: PluginEdits) {
        self.request = request
        self.edits = edits
    }

    /// `Content-Type` in lower case; empty without one.
    var contentType: String { self.writtenType.lowercased() }

    /// `Content-Type` as it was written; empty without one.
    var writtenType: String {
        let value = self.edits.currentValues(of: Array("content-type".utf8)).first ?? []
        return String(decoding: value, as: UTF8.self)
    }

    func value(_ table: LuaExpression.Table, _ key: String) -> [UInt8]? {
        switch table {
        case .headers:
            let name = HeaderRules.lowercased(key)
            if let value = self.edits.currentValues(of: name).first { return value }
            // As OpenResty finds `x_y` under `X-Y`.
            guard name.contains(UInt8(ascii: "_")) else { return nil }
            let dashed = name.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
            return self.edits.currentValues(of: dashed).first
        case .queryParameters:
            let query = UnsafeRawBufferPointer(
                rebasing: self.request.query(self.edits).dropFirst()
            )
            return Arguments(query)[Array(key.utf8)]
        case .captures: return self.request.captures?.value(key, of: self.request.path)
        case .shared: return nil
        }
    }
}
