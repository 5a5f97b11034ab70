public import MeshMembership
import MeshPrimitives

/// The ring as bytes, for a peer behind a sealed stream and for the disk; secret.
extension KeyRing {
    /// Version 4, sealing epoch 2, count 1, then epoch 2 and secret 32 of each key by rising epoch.
    public var document: [UInt8] {
        var writer = ByteWriter(capacity: 64)
        writer.write(self.version)
        writer.write(self.sealingEpoch)
        writer.append(UInt8(clamping: self.secrets.count))
        for (epoch, secret) in self.secrets.sorted(by: { $0.key < $1.key }) {
            writer.write(epoch)
            writer.append(contentsOf: secret)
        }
        return writer.bytes
    }

    /// Reads ``document``; `nil` for bytes that are none.
    public init?(document: [UInt8]) {
        var reader = WireReader(document[...])
        guard let version = try? reader.read(UInt32.self),
            let sealingEpoch = try? reader.read(UInt16.self),
            let count = try? reader.read(UInt8.self)
        else { return nil }
        var secrets: [UInt16: [UInt8]] = [:]
        for _ in 0..<count {
            guard let epoch = try? reader.read(UInt16.self),
                let secret = try? reader.read(count: Sodium.keyByteCount)
            else { return nil }
            secrets[epoch] = Array(secret)
        }
        self.init(version: version, sealingEpoch: sealingEpoch, secrets: secrets)
    }

    /// Which keys are in it, as a member tells it.
    public var inventory: RingInventory {
        RingInventory(
            version: self.version,
            sealingEpoch: self.sealingEpoch,
            keys: self.secrets.sorted { $0.key < $1.key }.map { epoch, secret in
                let digest = Sodium.hash(secret, byteCount: 16)
                return RingInventory.Key(
                    epoch: epoch,
                    mark: digest.prefix(4).reduce(0) { ($0 << 8) | UInt32($1) }
                )
            }
        )
    }

    /// Whether this ring comes in place of `other` in a running mesh: it was changed more often, or
    /// as often at two nodes at once.
    ///
    /// A ring from a file stays that has a key which this one cannot have had: an operator has given
    /// it since, by another way than the mesh.
    public func supersedes(_ other: KeyRing) -> Bool {
        if other.version == 0, other.isReplacement(for: self) { return false }
        guard self.version == other.version else { return self.version > other.version }
        return self.version > 0
            && other.document.lexicographicallyPrecedes(self.document)
    }

    /// Whether this ring, from a file, is newer than one that was changed in the running mesh: it has
    /// a key that cannot have been there.
    public func isReplacement(for running: KeyRing) -> Bool {
        let highest = running.epochs.last ?? 0
        return self.secrets.contains { epoch, secret in
            epoch > highest || running.secrets[epoch].map { $0 != secret } ?? false
        }
    }
}
