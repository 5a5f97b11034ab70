internal import CZstd

/// How a row holds its bytes: long ones compressed, since a configuration's are mostly the same words.
///
/// A tenth of the bytes is written, synchronized and, when a row is deleted, wiped.
enum RowContent {
    /// Bytes from which on compressing pays.
    private static let threshold = 4_096
    /// Bytes that a row may have when read; no changeset or checkpoint comes near.
    private static let byteLimit: UInt64 = 1 << 31
    /// Zstandard's fastest regular level.
    private static let level: Int32 = 1

    private enum Form: UInt8 {
        case plain
        case zstandard
    }

    /// What is stored for `bytes`.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.count >= self.threshold, let compressed = self.compressed(bytes) {
            return compressed
        }
        return [Form.plain.rawValue] + bytes
    }

    /// What was stored; `nil` when it is nothing that ``stored(_:)`` gives.
    static func read(_ stored: [UInt8]) -> [UInt8]? {
        switch stored.first.flatMap(Form.init) {
        case .plain: Array(stored.dropFirst())
        case .zstandard: self.decompressed(stored)
        case nil: nil
        }
    }

    private static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
        let capacity = ZSTD_compressBound(bytes.count) + 1
        var isDone = false
        let result = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            start.initialize(to: Form.zstandard.rawValue)
            let size = ZSTD_compress(start + 1, capacity - 1, bytes, bytes.count, self.level)
            isDone = ZSTD_isError(size) == 0
            count = isDone ? size + 1 : 0
        }
        return isDone ? result : nil
    }

    private static func decompressed(_ stored: [UInt8]) -> [UInt8]? {
        stored.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return nil }
            let size = ZSTD_getFrameContentSize(start + 1, source.count - 1)
            guard size <= self.byteLimit else { return nil }
            var isWhole = false
            let result = [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
                let read = ZSTD_decompress(
                    buffer.baseAddress,
                    Int(size),
                    start + 1,
                    source.count - 1
                )
                isWhole = ZSTD_isError(read) == 0 && read == Int(size)
                count = isWhole ? read : 0
            }
            return isWhole ? result : nil
        }
    }
}
