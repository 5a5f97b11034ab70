import MeshChangelog
import MeshPrimitives

/// Reads fields of a message whose seal held; anything that does not fit is malformed.
struct WireReader {
    private var reader: ByteReader

    init(_ bytes: ArraySlice<UInt8>) { self.reader = ByteReader(bytes) }

    /// Bytes not read yet.
    var remaining: Int { self.reader.remaining }

    /// Reads an integer.
    mutating func read<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self
    ) throws(WireError) -> Value {
        do throws(ByteReaderError) { return try self.reader.read() } catch { throw .malformed }
    }

    /// Reads bytes, not copied.
    mutating func read(count: Int) throws(WireError) -> ArraySlice<UInt8> {
        do throws(ByteReaderError) { return try self.reader.read(count: count) } catch {
            throw .malformed
        }
    }

    /// Reads a string with its 16-bit length.
    mutating func readString() throws(WireError) -> String {
        do throws(ByteReaderError) { return try self.reader.readString() } catch {
            throw .malformed
        }
    }

    /// Reads bytes with their 32-bit length, copied.
    mutating func readSized() throws(WireError) -> [UInt8] {
        let count: UInt32 = try self.read()
        return Array(try self.read(count: Int(count)))
    }

    /// Reads what a node holds of each writer.
    mutating func readVersionVector() throws(WireError) -> VersionVector {
        do throws(ByteReaderError) { return try self.reader.readVersionVector() } catch {
            throw .malformed
        }
    }

    /// Reads a changeset's name.
    mutating func readChangesetID() throws(WireError) -> ChangesetID {
        do throws(ByteReaderError) { return try self.reader.readChangesetID() } catch {
            throw .malformed
        }
    }

    /// Reads an identity.
    mutating func readNodeID() throws(WireError) -> NodeID {
        NodeID(high: try self.read(), low: try self.read())
    }

    /// Reads a hash.
    mutating func readHash() throws(WireError) -> ContentHash {
        ContentHash(high: try self.read(), low: try self.read())
    }
}
