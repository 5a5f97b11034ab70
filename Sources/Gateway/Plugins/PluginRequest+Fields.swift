import MeshHTTP

/// Reading of the request's fields.
extension PluginRequest {
    /// Shows every value of a field in order; `name` is in lower case.
    func eachValue(_ name: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        _ = self.fields.anyValue(
            named: name,
            count: self.head.fieldCount,
            of: self.bytes
        ) { value in
            body(value)
            return false
        }
    }

    /// As the above, for a name from the source.
    func eachValue(_ name: StaticString, _ body: (UnsafeRawBufferPointer) -> Void) {
        self.eachValue(Self.bytes(name), body)
    }

    /// The first value of a field, empty or not; `name` is in lower case.
    func firstValue(_ name: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var found: UnsafeRawBufferPointer?
        _ = self.fields.anyValue(
            named: name,
            count: self.head.fieldCount,
            of: self.bytes
        ) { value in
            found = value
            return true
        }
        return found
    }

    /// As the above, for a name from the source.
    func firstValue(_ name: StaticString) -> UnsafeRawBufferPointer? {
        self.firstValue(Self.bytes(name))
    }

    private static func bytes(_ name: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    }
}
