import MeshEntities
import MeshMembership
import MeshPrimitives

/// The kinds of settings there are; each reads a value, puts it in place and shows it.
extension SettingKey {
    static func text(_ name: String, allowed: String, _ place: Place<String>) -> SettingKey {
        .single(
            name,
            allowed: allowed,
            place,
            read: { $0.isEmpty ? nil : $0 },
            show: { .string($0) }
        )
    }

    /// A file or directory; absent unless given.
    static func path(_ name: String, _ place: Place<String?>) -> SettingKey {
        .single(
            name,
            allowed: "a path",
            place,
            read: { $0.isEmpty ? nil : .some($0) },
            show: { $0.map { .string($0) } ?? .null }
        )
    }

    static func name(_ name: String, _ place: Place<String>) -> SettingKey {
        .single(
            name,
            allowed: "1 to 64 of A-Z a-z 0-9 . _ -",
            place,
            read: { Self.isName($0) ? $0 : nil },
            show: { .string($0) }
        )
    }

    /// The identity of a mesh.
    static func mesh(_ name: String, _ place: Place<MeshID?>) -> SettingKey {
        .single(
            name,
            allowed: "16 hexadecimal digits, as meshctl status shows them",
            place,
            read: { text in MeshID(text).map { .some($0) } },
            show: { $0.map { .string($0.description) } ?? .null }
        )
    }

    /// Whole seconds.
    static func seconds(
        _ name: String,
        in range: ClosedRange<Int64>,
        _ place: Place<Duration>
    ) -> SettingKey {
        .single(
            name,
            allowed: "\(range.lowerBound) to \(range.upperBound) seconds",
            place,
            read: { text in Int64(text).flatMap { range.contains($0) ? .seconds($0) : nil } },
            show: { .integer($0.components.seconds) }
        )
    }

    static func count(
        _ name: String,
        in range: ClosedRange<Int>,
        _ place: Place<Int>
    ) -> SettingKey {
        .single(
            name,
            allowed: "\(range.lowerBound) to \(range.upperBound)",
            place,
            read: { text in Int(text).flatMap { range.contains($0) ? $0 : nil } },
            show: { .integer(Int64($0)) }
        )
    }

    /// A number of bytes, with `k`, `m` or `g` as nginx takes them.
    static func size(
        _ name: String,
        in range: ClosedRange<Int>,
        _ place: Place<Int>
    ) -> SettingKey {
        .single(
            name,
            allowed: "\(range.lowerBound) to \(range.upperBound) bytes, like 8k, 10m or 1g",
            place,
            read: { text in ByteSize.read(text).flatMap { range.contains($0) ? $0 : nil } },
            show: { .integer(Int64($0)) }
        )
    }

    static func flag(_ name: String, _ place: Place<Bool>) -> SettingKey {
        .single(
            name,
            allowed: "on or off",
            place,
            read: { text in
                switch text {
                case "on", "true": true
                case "off", "false": false
                default: nil
                }
            },
            show: { .string($0 ? "on" : "off") }
        )
    }

    static func choice(
        _ name: String,
        of choices: [String],
        _ place: Place<String>
    ) -> SettingKey {
        .single(
            name,
            allowed: "one of \(choices.joined(separator: ", "))",
            place,
            read: { choices.contains($0) ? $0 : nil },
            show: { .string($0) }
        )
    }

    static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String,
        _ place: Place<Choice>
    ) -> SettingKey {
        .single(
            name,
            allowed: "one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))",
            place,
            read: { Choice(rawValue: $0) },
            show: { .string($0.rawValue) }
        )
    }

    static func endpoint(
        _ name: String,
        _ value: @escaping @Sendable (NodeSettings) -> Endpoint,
        _ assign: @escaping @Sendable (inout NodeSettings, Endpoint) -> Void
    ) -> SettingKey {
        SettingKey(
            name: name,
            allowed: "an address like 127.0.0.1:8001",
            apply: { values, settings in
                guard values.count == 1, let endpoint = Endpoint(values[0]) else { return false }
                assign(&settings, endpoint)
                return true
            },
            show: { .string("\(value($0))") }
        )
    }

    /// Any number of values; `off` alone is none.
    static func list<Element: CustomStringConvertible & Sendable>(
        _ name: String,
        allowed: String,
        _ place: Place<[Element]>,
        read: @escaping @Sendable (String) -> Element?
    ) -> SettingKey {
        SettingKey(
            name: name,
            allowed: "\(allowed), or off",
            apply: { values, settings in
                let given = values == ["off"] ? [] : values
                let elements = given.compactMap(read)
                guard elements.count == given.count else { return false }
                settings[keyPath: place] = elements
                return true
            },
            show: { .strings($0[keyPath: place].map { "\($0)" }) }
        )
    }

    static func single<Value>(
        _ name: String,
        allowed: String,
        _ place: Place<Value>,
        read: @escaping @Sendable (String) -> Value?,
        show: @escaping @Sendable (Value) -> DocumentValue
    ) -> SettingKey {
        SettingKey(
            name: name,
            allowed: allowed,
            apply: { values, settings in
                guard values.count == 1, let value = read(values[0]) else { return false }
                settings[keyPath: place] = value
                return true
            },
            show: { show($0[keyPath: place]) }
        )
    }

    /// Whether a text can name a member, region, zone or mesh.
    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(Self.isNameByte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension DocumentValue {
    /// A list of texts.
    static func strings(_ texts: [String]) -> DocumentValue {
        .array(texts.map { DocumentNode(.string($0)) })
    }
}

/// Sizes as nginx writes them.
enum ByteSize {
    /// Reads `512`, `8k`, `10m` or `1g`, in any case; `nil` for anything else or what overflows.
    static func read(_ text: String) -> Int? {
        let factor: Int
        switch text.last {
        case "k", "K": factor = 1 << 10
        case "m", "M": factor = 1 << 20
        case "g", "G": factor = 1 << 30
        default: factor = 1
        }
        let digits = factor == 1 ? text[...] : text.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(digits)
        else { return nil }
        let (size, overflows) = number.multipliedReportingOverflow(by: factor)
        return overflows ? nil : size
    }
}
