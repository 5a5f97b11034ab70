internal import CZstd

/// Bytes on a disk or on their way to another node: long ones compressed, since those of a configuration
/// or of metrics are mostly the same words.
///
/// A tenth of a row's bytes is written, synchronized and, when it is deleted, wiped.
public enum PackedBytes {
    /// Bytes from which on compressing pays.
    private static let threshold = 4_096
    /// Zstandard's fastest regular level.
    private static let level: Int32 = 1

    private enum Form: UInt8 {
        case plain
        case zstandard
    }

    /// The packed form of `bytes`: one byte more at most.
    public static func pack(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.count >= self.threshold, let compressed = self.compressed(bytes) {
            return compressed
        }
        return [Form.plain.rawValue] + bytes
    }

    /// What was packed.
    ///
    /// - Parameters:
    ///   - packed: what ``pack(_:)`` gave.
    ///   - limit: most bytes that it may have been: 2 GiB as a rule, and no changeset or checkpoint
    ///     comes near.
    /// - Returns: the bytes; `nil` when ``pack(_:)`` gave no such thing, or they are more.
    public static func unpack(_ packed: [UInt8], limit: UInt64 = 1 << 31) -> [UInt8]? {
        switch packed.first.flatMap(Form.init) {
        case .plain: packed.count - 1 <= limit ? Array(packed.dropFirst()) : nil
        case .zstandard: self.decompressed(packed, limit)
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

    private static func decompressed(_ packed: [UInt8], _ limit: UInt64) -> [UInt8]? {
        packed.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return nil }
            let size = ZSTD_getFrameContentSize(start + 1, source.count - 1)
            guard size <= limit else { return nil }
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
