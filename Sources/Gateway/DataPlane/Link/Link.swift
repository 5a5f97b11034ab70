internal import CMeshSystem
internal import Glibc
internal import MeshTLS

/// One socket of a worker, plain or TLS: about 170 bytes, and blocks only while bytes wait.
///
///     connecting --writable--> handshaking (TLS) --done--> open --last byte written--> lingering
///
/// What is known of the socket itself (edges, records, queues) belongs to ``LinkIO``; what the link
/// is for belongs to whoever owns it.
struct Link {
    /// What the link is for.
    enum Role: UInt8 {
        /// The place is not in use.
        case free
        /// A client, between requests or in one.
        case client
        /// A client that was answered; what it still sends is thrown away.
        case lingering
        /// A target that serves an attempt, or several over HTTP/2.
        case target
        /// A target's connection kept for the next request.
        case idleTarget
    }

    /// How far the socket is.
    enum Phase: UInt8 {
        /// The connection is being made.
        case connecting
        /// TLS is being agreed on.
        case handshaking
        /// Bytes go both ways.
        case open
    }

    /// What its owner knows of it.
    struct Flags: OptionSet {
        let rawValue: UInt16
        /// What waits in ``Link/input`` is known to be part of a head only.
        static let headIncomplete = Flags(rawValue: 1)
        /// Close as soon as the output is written.
        static let closesWhenWritten = Flags(rawValue: 2)
        /// Then linger instead of closing.
        static let lingersWhenWritten = Flags(rawValue: 4)
        /// It is on the list of links to look at after the current event.
        static let isPending = Flags(rawValue: 8)
        /// A PROXY header is expected before anything else.
        static let expectsProxyHeader = Flags(rawValue: 16)
        /// Then reset instead of closing: the peer would take a cut answer for a whole one.
        static let resetsWhenWritten = Flags(rawValue: 32)
        /// An answer waits to be written; draining waits for it.
        static let owesOutput = Flags(rawValue: 128)
        /// Its handshake waits for the next pass.
        static let awaitsHandshake = Flags(rawValue: 256)
        /// Bytes of a stream listener, not HTTP.
        static let isStream = Flags(rawValue: 64)
        /// It brings much at a time; see ``Worker/passToClient(_:_:)``.
        static let isBulk = Flags(rawValue: 512)
    }

    /// What ``LinkIO`` knows of the socket.
    struct State: OptionSet {
        let rawValue: UInt8
        /// There may be input.
        static let readable = State(rawValue: 1)
        /// The peer has finished writing, so a short read does not mean that input is drained.
        static let peerClosed = State(rawValue: 2)
        /// Bytes left since ``LinkIO/forgetSent(_:)``.
        static let sent = State(rawValue: 4)
        /// Our side has finished writing.
        static let writeClosed = State(rawValue: 8)
        /// Our side finishes writing once the output is written.
        static let closesWrite = State(rawValue: 16)
    }

    fileprivate(set) var descriptor: Int32
    /// Rises whenever the place is given back, so that old events find nobody.
    fileprivate(set) var generation: UInt32
    var role: Role
    fileprivate(set) var phase: Phase
    var flags: Flags = []
    fileprivate(set) var state: State = []
    /// Index of the listener, for clients.
    var listener: UInt16 = 0
    /// Index of the exchange of an HTTP/1 client, of the attempt of an HTTP/1 target, or -1.
    var owner: Int32 = -1
    /// Index of the pool, for targets.
    var pool: Int32 = -1
    /// Neighbours among a pool's idle links, or -1.
    var next: Int32 = -1
    var previous: Int32 = -1
    /// Bytes of a partial head that came since it was last read.
    var unread: Int32 = 0
    /// Requests begun on it.
    var requests: UInt32 = 0
    /// Bytes that waited and were taken since ``LinkIO/forgetTaken(_:)``.
    fileprivate var taken: UInt32 = 0
    /// Nanoseconds: when the first byte of the head at hand came.
    var since: Int64 = 0
    /// The peer, as accepted or as a trusted PROXY header says.
    var address = mesh_address()
    /// `nil` on plain links.
    fileprivate(set) var tls: TLSSession?
    /// The HTTP/2 session, if the link speaks that.
    var session: Unmanaged<HTTP2Link>?
    /// Input that could not be used yet: a partial head, or the next pipelined request; of a link to
    /// a target that is not connected yet, what it begins with.
    var input = BlockQueue()
    /// Output that the peer did not take yet; records, on TLS links.
    fileprivate(set) var output = BlockQueue()
    /// Output that leaves before that, and how many bytes of it there are; see ``LinkIO/pass(_:to:)``.
    var pipe = PipePool.Pipe.none
    var piped: Int32 = 0

    /// Whether everything written so far has left.
    @inline(__always)
    var isWritten: Bool { self.output.isEmpty && self.piped == 0 }
    /// Bytes that wait for the peer to take them.
    var waitingByteCount: Int { self.output.count &+ Int(self.piped) }
    /// Whether a read may find something.
    @inline(__always)
    var isReadable: Bool { self.state.contains(.readable) }
    /// Whether the peer has finished writing.
    @inline(__always)
    var hasPeerClosed: Bool { self.state.contains(.peerClosed) }
    /// Whether our side has finished writing.
    @inline(__always)
    var hasFinishedWriting: Bool { self.state.contains(.writeClosed) }
    /// Whether bytes have left since they were last forgotten.
    @inline(__always)
    var hasSent: Bool { self.state.contains(.sent) }
    @inline(__always)
    var isTLS: Bool { self.tls != nil }
}

/// All sockets of one worker: reading, writing, finishing and closing them.
///
/// Edge-triggered: `isReadable` is set by events and taken away when a read has found the socket
/// drained. Nothing else in the worker makes a system call on a stream.
struct LinkIO {
    /// What became of a read.
    enum Reading: Equatable {
        case bytes(Int)
        /// Nothing there; an event will come.
        case drained
        /// The peer has finished writing.
        case ended
        case broken
    }

    /// How far an event has brought a link that was not open.
    enum Opening {
        /// Another event will come.
        case pending
        /// It was open before.
        case alreadyOpen
        /// It can be used from now on.
        case opened
        case failed(ProxyFailure.Cause)
        /// A client spoke HTTP in the clear where TLS was expected.
        case plainHTTP
    }

    private let poller: Int32
    private var links: Slab<Link>
    /// Blocks for what must wait.
    var blocks = BlockPool()
    /// Pipes between links.
    var pipes = PipePool()
    private let records = TLSOutput()

    /// Reserves places for links; `nil` when the system refuses.
    init?(poller: Int32, capacity: Int) {
        guard let links = Slab<Link>(capacity: capacity) else { return nil }
        self.poller = poller
        self.links = links
    }

    mutating func deallocate() {
        self.blocks.deallocate()
        self.pipes.deallocate()
        self.links.deallocate()
    }

    /// One past the highest index in use.
    var end: Int32 { self.links.end }

    @inline(__always)
    subscript(index: Int32) -> UnsafeMutablePointer<Link> { self.links[index] }

    /// Notes what an event says; -1 when it is meant for somebody who has gone.
    @inline(__always)
    mutating func arrived(_ event: Poller.Event) -> Int32 {
        let index = Int32(truncatingIfNeeded: event.token & 0xFFFF_FFFF)
        let link = self.links[index]
        guard link.pointee.generation == UInt32(truncatingIfNeeded: event.token >> 32) else {
            return -1
        }
        if event.isReadable {
            link.pointee.state.insert(.readable)
            link.pointee.tls?.inputArrived(event.isPeerClosed ? .end : .readable)
        }
        if event.isPeerClosed { link.pointee.state.insert(.peerClosed) }
        return index
    }

    /// Gives a descriptor a place and adds it to epoll; closes it and returns -1 when that fails.
    mutating func add(_ descriptor: Int32, role: Link.Role, phase: Link.Phase) -> Int32 {
        let index = self.links.take()
        guard index >= 0 else {
            Glibc.close(descriptor)
            return -1
        }
        let place = self.links[index]
        let generation = place.pointee.generation
        place.initialize(
            to: Link(descriptor: descriptor, generation: generation, role: role, phase: phase)
        )
        let token = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: index))
        guard mesh_epoll_add_stream(self.poller, descriptor, token) == 0 else {
            Glibc.close(descriptor)
            place.pointee.role = .free
            self.links.giveBack(index)
            return -1
        }
        return index
    }

    /// Begins a connection; a negative errno when none can be begun.
    mutating func connect(_ address: mesh_address) -> Int32 {
        var address = address
        let descriptor = mesh_connect(&address)
        guard descriptor >= 0 else { return descriptor }
        let index = self.add(descriptor, role: .target, phase: .connecting)
        return index >= 0 ? index : -ENFILE
    }

    /// Makes a client's link a TLS one; `false` when there is no memory.
    mutating func startTLS(_ index: Int32, as context: TLSServerContext) -> Bool {
        let link = self.links[index]
        guard
            let session = TLSSession.server(
                context,
                descriptor: link.pointee.descriptor,
                output: self.records
            )
        else { return false }
        link.pointee.tls = session
        link.pointee.phase = .handshaking
        return true
    }

    /// Makes a link to a target a TLS one, to be agreed on once it is connected.
    mutating func startTLS(
        _ index: Int32,
        as context: TLSClientContext,
        serverName: UnsafeRawBufferPointer
    ) -> Bool {
        let link = self.links[index]
        guard
            let session = TLSSession.client(
                context,
                descriptor: link.pointee.descriptor,
                serverName: serverName,
                output: self.records
            )
        else { return false }
        link.pointee.tls = session
        return true
    }

    /// Goes on with a link that is not open yet.
    @inline(__always)
    mutating func open(_ index: Int32, _ event: Poller.Event) -> Opening {
        let phase = self.links[index].pointee.phase
        return phase == .open ? .alreadyOpen : self.advance(index, event)
    }

    private mutating func advance(_ index: Int32, _ event: Poller.Event) -> Opening {
        let link = self.links[index]
        if link.pointee.phase == .connecting {
            guard event.isWritable || event.hasFailed else { return .pending }
            let error = mesh_socket_error(link.pointee.descriptor)
            guard error == 0, !event.hasFailed else {
                return .failed(ProxyFailure.Cause(connectError: error))
            }
            guard self.sendGreeting(index) else { return .failed(.reset) }
            guard link.pointee.tls != nil else {
                link.pointee.phase = .open
                return .opened
            }
            link.pointee.phase = .handshaking
        }
        return self.handshake(index, event)
    }

    private mutating func handshake(_ index: Int32, _ event: Poller.Event) -> Opening {
        let link = self.links[index]
        guard let session = link.pointee.tls else { return .alreadyOpen }
        if link.pointee.role != .target, !link.pointee.output.isEmpty, !self.flush(index) {
            return .failed(.reset)
        }
        let step = session.handshake()
        let isSent = self.sendRecords(index)
        switch step {
        case .done:
            guard isSent else { return .failed(.reset) }
            link.pointee.phase = .open
            guard link.pointee.role != .target || self.writeEarly(index) else {
                return .failed(.reset)
            }
            // Bytes may have come with the last message of the handshake.
            link.pointee.state.insert(.readable)
            return .opened
        case .wantsInput:
            guard isSent, !event.hasFailed else { return .failed(.reset) }
            return .pending
        case .failed(let failure):
            return failure.cause == .plainHTTP ? .plainHTTP : .failed(.handshake)
        }
    }

    /// Goes on in the clear with a link whose handshake has failed.
    mutating func dropTLS(_ index: Int32) {
        let link = self.links[index]
        link.pointee.tls?.free()
        link.pointee.tls = nil
        link.pointee.phase = .open
        self.records.clear()
    }

    /// Reads once into `room`, and keeps track of whether more is there.
    @inline(__always)
    mutating func read(
        _ index: Int32,
        into room: UnsafeMutableRawPointer,
        limit: Int
    ) -> Reading {
        let link = self.links[index]
        if link.pointee.tls != nil { return self.readRecords(index, into: room, limit: limit) }
        let count = mesh_receive(link.pointee.descriptor, room, limit)
        if count > 0 {
            // A short read has drained the socket, unless an end is waiting.
            if count < limit, !link.pointee.state.contains(.peerClosed) {
                link.pointee.state.remove(.readable)
            }
            return .bytes(count)
        }
        link.pointee.state.remove(.readable)
        if count == 0 { return .ended }
        return count == -Int(EAGAIN) ? .drained : .broken
    }

    private mutating func readRecords(
        _ index: Int32,
        into room: UnsafeMutableRawPointer,
        limit: Int
    ) -> Reading {
        let link = self.links[index]
        guard let session = link.pointee.tls else { return .broken }
        let reading = session.read(into: room, limit: limit)
        // Answers to key updates and alerts.
        if !self.records.isEmpty, !self.sendRecords(index) { return .broken }
        switch reading {
        case .bytes(let count):
            if !session.hasUnread { link.pointee.state.remove(.readable) }
            return .bytes(count)
        case .drained:
            link.pointee.state.remove(.readable)
            return .drained
        case .ended:
            link.pointee.state.remove(.readable)
            link.pointee.state.insert(.peerClosed)
            return .ended
        case .truncated, .broken:
            link.pointee.state.remove(.readable)
            return .broken
        }
    }

    /// Looks again for input that an earlier reader had left.
    mutating func markReadable(_ index: Int32) {
        self.links[index].pointee.state.insert(.readable)
    }

    /// Begins to count sent bytes anew: another attempt uses the link.
    @inline(__always)
    mutating func forgetSent(_ index: Int32) { self.links[index].pointee.state.remove(.sent) }

    /// Sends bytes, or keeps what the peer does not take; `false` when the link is broken.
    @inline(__always)
    mutating func write(_ index: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let link = self.links[index]
        guard !bytes.isEmpty else { return true }
        guard link.pointee.tls == nil else { return self.writeRecords(index, bytes) }
        guard link.pointee.isWritten, link.pointee.phase == .open else {
            link.pointee.output.append(bytes, from: &self.blocks)
            return true
        }
        let count = mesh_send(link.pointee.descriptor, bytes.baseAddress, bytes.count)
        guard count >= 0 || count == -Int(EAGAIN) else { return false }
        let sent = max(0, count)
        if sent > 0 { link.pointee.state.insert(.sent) }
        if sent < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
            link.pointee.output.append(rest, from: &self.blocks)
        }
        return true
    }

    /// As ``write(_:_:)`` with three ranges in order, in one system call.
    @inline(__always)
    mutating func write(
        _ index: Int32,
        _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer,
        _ third: UnsafeRawBufferPointer
    ) -> Bool {
        let link = self.links[index]
        guard link.pointee.tls == nil else {
            return self.writeRecords(index, first, second, third)
        }
        guard link.pointee.isWritten, link.pointee.phase == .open else {
            link.pointee.output.append(first, from: &self.blocks)
            link.pointee.output.append(second, from: &self.blocks)
            link.pointee.output.append(third, from: &self.blocks)
            return true
        }
        let count = mesh_send_three(
            link.pointee.descriptor,
            first.baseAddress,
            first.count,
            second.baseAddress,
            second.count,
            third.baseAddress,
            third.count
        )
        guard count >= 0 || count == -Int(EAGAIN) else { return false }
        var sent = max(0, count)
        if sent > 0 { link.pointee.state.insert(.sent) }
        self.keepRest(index, of: first, &sent)
        self.keepRest(index, of: second, &sent)
        self.keepRest(index, of: third, &sent)
        return true
    }

    @inline(__always)
    private mutating func keepRest(
        _ index: Int32,
        of bytes: UnsafeRawBufferPointer,
        _ sent: inout Int
    ) {
        guard sent < bytes.count else {
            sent -= bytes.count
            return
        }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
        sent = 0
        self.links[index].pointee.output.append(rest, from: &self.blocks)
    }

    private mutating func writeRecords(
        _ index: Int32,
        _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        _ third: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) -> Bool {
        let link = self.links[index]
        guard let session = link.pointee.tls else { return false }
        guard link.pointee.phase == .open else {
            link.pointee.output.append(first, from: &self.blocks)
            link.pointee.output.append(second, from: &self.blocks)
            link.pointee.output.append(third, from: &self.blocks)
            return true
        }
        guard first.isEmpty || session.write(first), second.isEmpty || session.write(second),
            third.isEmpty || session.write(third)
        else { return false }
        return self.sendRecords(index)
    }

    /// What was written to a target before TLS was agreed on waits as it is; now it becomes records.
    private mutating func writeEarly(_ index: Int32) -> Bool {
        let link = self.links[index]
        guard let session = link.pointee.tls else { return false }
        while !link.pointee.output.isEmpty {
            let bytes = link.pointee.output.first
            guard session.write(bytes) else { return false }
            link.pointee.output.consume(bytes.count, to: &self.blocks)
        }
        return self.sendRecords(index)
    }

    /// Sends gathered records behind what waits, handshake records of a link to a target at once; `false` when the link is broken.
    private mutating func sendRecords(_ index: Int32) -> Bool {
        let link = self.links[index]
        let bytes = self.records.bytes
        guard !bytes.isEmpty else { return true }
        defer { self.records.clear() }
        let isEarly = link.pointee.phase != .open && link.pointee.role == .target
        guard link.pointee.output.isEmpty || isEarly else {
            link.pointee.output.append(bytes, from: &self.blocks)
            return true
        }
        let count = mesh_send(link.pointee.descriptor, bytes.baseAddress, bytes.count)
        guard count >= 0 || count == -Int(EAGAIN) else { return false }
        let sent = max(0, count)
        if sent > 0, link.pointee.phase == .open { link.pointee.state.insert(.sent) }
        if sent < bytes.count {
            // Output holds plain bytes still; a fresh socket takes a whole flight of a handshake.
            guard !isEarly else { return false }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
            link.pointee.output.append(rest, from: &self.blocks)
        }
        return true
    }

    /// Sends what waits; `false` when the link is broken.
    mutating func flush(_ index: Int32) -> Bool {
        let link = self.links[index]
        guard link.pointee.piped == 0 || self.flushPipe(index) else { return false }
        guard link.pointee.piped == 0 else { return true }
        while !link.pointee.output.isEmpty {
            let bytes = link.pointee.output.first
            let count = mesh_send(link.pointee.descriptor, bytes.baseAddress, bytes.count)
            guard count >= 0 || count == -Int(EAGAIN) else { return false }
            guard count > 0 else { return true }
            if link.pointee.phase == .open { link.pointee.state.insert(.sent) }
            link.pointee.taken &+= UInt32(truncatingIfNeeded: count)
            link.pointee.output.consume(count, to: &self.blocks)
            if count < bytes.count { return true }
        }
        return !link.pointee.state.contains(.closesWrite) || self.finishWriting(index)
    }

    /// Begins to count anew what the peer takes of that which waits.
    @inline(__always)
    mutating func forgetTaken(_ index: Int32) { self.links[index].pointee.taken = 0 }

    /// Bytes that waited and were taken since they were last forgotten.
    func takenSince(_ index: Int32) -> Int { Int(self.links[index].pointee.taken) }

    /// Throws away what waits to be written.
    mutating func dropOutput(_ index: Int32) {
        self.links[index].pointee.output.clear(to: &self.blocks)
        self.dropPipe(index)
    }

    /// Notes that a link has no input any more.
    mutating func noteDrained(_ index: Int32) {
        self.links[index].pointee.state.remove(.readable)
    }

    /// Notes that bytes which waited have left.
    mutating func noteSent(_ index: Int32, _ count: Int) {
        self.links[index].pointee.state.insert(.sent)
        self.links[index].pointee.taken &+= UInt32(truncatingIfNeeded: count)
    }

    /// Tells the peer that nothing follows, once the output is written; `false` when that fails.
    mutating func finishWriting(_ index: Int32) -> Bool {
        let link = self.links[index]
        guard !link.pointee.state.contains(.writeClosed) else { return true }
        if let session = link.pointee.tls, !link.pointee.state.contains(.closesWrite) {
            session.close()
            link.pointee.state.insert(.closesWrite)
            guard self.sendRecords(index) else { return false }
        }
        link.pointee.state.insert(.closesWrite)
        guard link.pointee.isWritten else { return true }
        link.pointee.state.insert(.writeClosed)
        return mesh_shutdown_write(link.pointee.descriptor) == 0
    }

    /// Closes the socket and gives the place back; its owner has parted from it before.
    mutating func close(_ index: Int32) {
        let link = self.links[index]
        guard link.pointee.role != .free else { return }
        if let session = link.pointee.tls {
            if link.pointee.phase == .open, link.pointee.output.isEmpty,
                !link.pointee.state.contains(.closesWrite)
            {
                session.close()
                _ = self.sendRecords(index)
            }
            self.records.clear()
            session.free()
            link.pointee.tls = nil
        }
        Glibc.close(link.pointee.descriptor)
        link.pointee.input.clear(to: &self.blocks)
        self.dropOutput(index)
        link.pointee.role = .free
        link.pointee.owner = -1
        // The top bit of a token marks listeners.
        link.pointee.generation = (link.pointee.generation &+ 1) & 0x7FFF_FFFF
        self.links.giveBack(index)
    }
}
