internal import CMeshSystem
internal import MeshTLS

/// What a link's socket and handshake say, and bytes that are looked at before they are read.
extension LinkIO {
    /// Lets a link to a target begin with a few bytes in the clear, ahead of everything else.
    mutating func greet(_ index: Int32, _ bytes: UnsafeRawBufferPointer) {
        self[index].pointee.input.append(bytes, from: &self.blocks)
    }

    /// Sends what a link that was just connected begins with; `false` when it is broken.
    mutating func sendGreeting(_ index: Int32) -> Bool {
        let link = self[index]
        guard !link.pointee.input.isEmpty else { return true }
        let bytes = link.pointee.input.first
        let count = mesh_send(link.pointee.descriptor, bytes.baseAddress, bytes.count)
        // A fresh socket takes so few bytes.
        let isSent = count == link.pointee.input.count
        link.pointee.input.clear(to: &self.blocks)
        return isSent
    }

    /// Offers a target a session of before.
    mutating func resume(_ index: Int32, with resumption: TLSResumption) {
        guard let session = self[index].pointee.tls else { return resumption.free() }
        session.resume(with: resumption)
    }

    /// The newest session that a target gave; `nil` when there is none.
    func takeResumption(_ index: Int32) -> TLSResumption? {
        guard self[index].pointee.phase == .open else { return nil }
        return self[index].pointee.tls?.takeSession()
    }

    /// Whether HTTP/2 was agreed on (ALPN).
    func speaksHTTP2(_ index: Int32) -> Bool {
        self[index].pointee.tls?.protocolIsHTTP2 ?? false
    }

    /// The server name of a client's handshake; empty without TLS or name.
    func serverName(_ index: Int32) -> UnsafeRawBufferPointer {
        self[index].pointee.tls?.serverName ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Copies what has come without taking it; 0 at the end, negative when nothing is there.
    mutating func peek(_ index: Int32, into room: UnsafeMutableRawPointer, limit: Int) -> Int {
        mesh_peek(self[index].pointee.descriptor, room, limit)
    }

    /// Takes bytes that were peeked at; `false` when they are not there.
    mutating func skip(_ index: Int32, _ count: Int, over room: UnsafeMutableRawPointer) -> Bool {
        mesh_receive(self[index].pointee.descriptor, room, count) == count
    }

    /// The address that a client connected to.
    func localAddress(_ index: Int32) -> mesh_address {
        var address = mesh_address()
        _ = mesh_local_address(self[index].pointee.descriptor, &address)
        return address
    }

    /// Makes the coming close a reset.
    mutating func resetOnClose(_ index: Int32) {
        mesh_reset_on_close(self[index].pointee.descriptor)
    }
}
