import Foundation
import MeshEntities

/// How `/status` prints memory: Kong's `unit` and `scale`.
struct MemoryFigure {
    struct Refusal: Error {
        let message: String
    }

    private static let units: [String: (name: String, bytes: Double)] = [
        "k": ("KiB", 1_024), "m": ("MiB", 1_048_576), "g": ("GiB", 1_073_741_824),
    ]

    private let unit: String
    private let scale: Int

    static func parse(_ query: [String: String]) throws(Refusal) -> MemoryFigure {
        let unit = (query["unit"] ?? "m").lowercased()
        guard unit == "b" || Self.units[unit] != nil else {
            throw Refusal(
                message: "invalid unit '\(unit)' (expected 'k/K', 'm/M', 'g/G' or 'b/B')"
            )
        }
        guard let scale = Int(query["scale"] ?? "2"), (0...12).contains(scale) else {
            throw Refusal(message: "invalid scale '\(query["scale"] ?? "")' (expected 0 to 12)")
        }
        return MemoryFigure(unit: unit, scale: scale)
    }

    func document(_ bytes: UInt64) -> DocumentValue {
        guard let unit = Self.units[self.unit] else { return .integer(Int64(clamping: bytes)) }
        return .string(
            String(format: "%.\(self.scale)f \(unit.name)", Double(bytes) / unit.bytes)
        )
    }
}
