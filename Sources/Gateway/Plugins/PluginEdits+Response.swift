import MeshHTTP

/// Edits that steps of the access phase make in the client's response, whoever gives it.
extension PluginEdits {
    /// Drops every field of a name, which is in lower case, from the response.
    mutating func dropResponse(_ name: StaticString) {
        self.dropResponse(
            UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        )
    }

    /// As the above, for a name from the settings.
    mutating func dropResponse(_ name: UnsafeRawBufferPointer) {
        self.responseLines.removeLines(named: name)
        self.responseNames.write(byte: UInt8(truncatingIfNeeded: name.count))
        self.responseNames.write(name)
    }

    /// As the above, for names each behind a byte of length.
    mutating func dropResponse(names: [UInt8]) {
        names.withUnsafeBytes { names in
            if self.responseLines.count > 0 { self.responseLines.removeLines(namedIn: names) }
            self.responseNames.write(names)
        }
    }

    /// Adds a line with a number to the response.
    mutating func addResponse(_ name: StaticString, _ value: UInt64) {
        self.responseLines.write(name)
        self.responseLines.write(": ")
        self.responseLines.write(decimal: value)
        self.responseLines.write("\r\n")
    }

    /// Adds a line to the response.
    mutating func addResponse(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
        self.responseLines.write(name)
        self.responseLines.write(": ")
        self.responseLines.write(value)
        self.responseLines.write("\r\n")
    }

    /// Adds a line to the response.
    mutating func addResponse(_ name: StaticString, _ value: StaticString) {
        self.addResponse(
            name,
            UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount)
        )
    }

    /// Puts a line in the place of all fields of its name in the response.
    mutating func setResponse(
        _ name: StaticString,
        as spelling: StaticString,
        _ value: UnsafeRawBufferPointer
    ) {
        self.dropResponse(name)
        self.addResponse(spelling, value)
    }

    /// As the above, with a literal.
    mutating func setResponse(
        _ name: StaticString,
        as spelling: StaticString,
        _ value: StaticString
    ) {
        self.dropResponse(name)
        self.addResponse(spelling, value)
    }

    /// As the above, with a number.
    mutating func setResponse(
        _ name: StaticString,
        as spelling: StaticString,
        _ value: UInt64
    ) {
        self.dropResponse(name)
        self.addResponse(spelling, value)
    }
}
