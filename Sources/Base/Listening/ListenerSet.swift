internal import CMeshSystem
internal import Glibc
internal import MeshPrimitives
internal import Synchronization

/// Every socket on which one node listens.
///
/// The parts of the node bind nothing themselves: they ask here, and get a socket that was inherited,
/// one that is held from before, or a new one. The set keeps a copy of each, so that a part that lost
/// its own gets it back without a gap, and so that all can be handed to a successor.
///
/// What a part gets is its own to close. A socket ends when both copies are closed; ``release(_:)``
/// closes those of the set.
public final class ListenerSet: Sendable {
    fileprivate struct Held {
        let name: String
        let place: ListenPlace
        var descriptors: [Int32]
    }

    private struct State {
        var inherited: [InheritedSocket]
        var held: [Held] = []
        var isHandedOver = false
        var successions: [@Sendable () -> Void] = []
    }

    private let state: Mutex<State>

    /// Creates a set of sockets that somebody else has bound; by default there are none.
    public init(inherited: [InheritedSocket] = []) {
        self.state = Mutex(State(inherited: inherited))
    }

    deinit {
        self.releaseAll()
        _ = self.closeUnclaimed()
    }

    /// Sockets for a request, with the place they really have: the port may be the system's choice.
    ///
    /// There is at least one per reader. Inherited ones that are more than the readers follow, to be
    /// read as well: what waits in them would be lost otherwise.
    ///
    /// - Throws: ``ListenFailure`` when somebody else has the address, or the system refuses it.
    public func open(
        _ request: ListenRequest
    ) throws(ListenFailure) -> (place: ListenPlace, descriptors: [Int32]) {
        try self.state.withLock { (state) throws(ListenFailure) in
            let held = try Self.held(request, &state)
            return (held.place, try Self.copies(of: held.descriptors))
        }
    }

    /// One socket for a request of one reader.
    ///
    /// - Throws: ``ListenFailure``.
    public func openOne(
        _ request: ListenRequest
    ) throws(ListenFailure) -> (place: ListenPlace, descriptor: Int32) {
        let (place, descriptors) = try self.open(request)
        guard let first = descriptors.first else { throw ListenFailure(code: EBADF) }
        for other in descriptors.dropFirst() { Glibc.close(other) }
        return (place, first)
    }

    /// Everything the set holds, for a successor; the descriptors stay the set's.
    public var offered: [(name: String, descriptor: Int32)] {
        self.state.withLock { state in
            state.held.flatMap { held in held.descriptors.map { (held.name, $0) } }
        }
    }

    /// What a supervisor may keep over a restart: not sockets of paths, which end with the process.
    public var lasting: [(name: String, descriptor: Int32)] {
        self.state.withLock { state in
            state.held.filter { !$0.place.isPath }
                .flatMap { held in held.descriptors.map { (held.name, $0) } }
        }
    }

    /// Whether a successor has all the sockets.
    public var isHandedOver: Bool { self.state.withLock { $0.isHandedOver } }

    /// Notes that a successor has all the sockets: nothing that others find in the file system is
    /// removed any more.
    public func handedOver() {
        let actions = self.state.withLock { state in
            state.isHandedOver = true
            defer { state.successions = [] }
            return state.successions
        }
        for action in actions { action() }
    }

    /// Calls back when a successor has all the sockets, at once if it has them already.
    public func whenHandedOver(_ action: @escaping @Sendable () -> Void) {
        let isOver = self.state.withLock { state in
            if !state.isHandedOver { state.successions.append(action) }
            return state.isHandedOver
        }
        if isOver { action() }
    }

    /// Closes the set's copies of the sockets with this name.
    public func release(_ name: String) {
        self.state.withLock { state in
            for held in state.held where held.name == name { Self.close(held, in: state) }
            state.held.removeAll { $0.name == name }
        }
    }

    /// Closes the set's copies of all sockets.
    public func releaseAll() {
        self.state.withLock { state in
            for held in state.held { Self.close(held, in: state) }
            state.held = []
        }
    }

    /// Closes what was inherited and nobody has asked for; whoever calls says that all parts listen.
    ///
    /// - Returns: names and places of what was closed.
    public func closeUnclaimed() -> [String] {
        let unclaimed = self.state.withLock { state in
            defer { state.inherited = [] }
            return state.inherited
        }
        for socket in unclaimed { Glibc.close(socket.descriptor) }
        return unclaimed.map { "\($0.name) \($0.place?.description ?? "(no listening socket)")" }
    }

    private static func held(
        _ request: ListenRequest,
        _ state: inout State
    ) throws(ListenFailure) -> Held {
        let known = state.held.first { held in
            held.name == request.name && Self.fits(held.place, request.place)
        }
        if let known { return known }
        var held = Self.claimed(request, &state) ?? Held(request)
        try Self.complete(&held, for: request)
        state.held.append(held)
        return held
    }

    /// Whether a socket at `place` serves a wish; port 0 wishes for any port.
    private static func fits(_ place: ListenPlace, _ wanted: ListenPlace) -> Bool {
        switch (place, wanted) {
        case (.stream(let place), .stream(let wanted)),
            (.datagrams(let place), .datagrams(let wanted)):
            place.address == wanted.address && (wanted.port == 0 || place.port == wanted.port)
        default: place == wanted
        }
    }

    /// The inherited sockets at the wanted place, whatever they are called.
    private static func claimed(_ request: ListenRequest, _ state: inout State) -> Held? {
        var held: Held?
        var others: [InheritedSocket] = []
        for socket in state.inherited {
            // An address that the system chose is known by its name only.
            let isAny = request.place.isAnyPort && socket.name != request.name
            guard let place = socket.place, !isAny, Self.fits(place, request.place),
                held.map({ $0.place == place }) ?? true
            else {
                others.append(socket)
                continue
            }
            // Whoever had it before has removed the path, so nobody can reach it.
            if case .path(let path) = place, access(path, F_OK) != 0 {
                Glibc.close(socket.descriptor)
                continue
            }
            held = held ?? Held(name: request.name, place: place, descriptors: [])
            held?.descriptors.append(socket.descriptor)
        }
        state.inherited = others
        return held
    }

    /// Binds what is missing.
    private static func complete(
        _ held: inout Held,
        for request: ListenRequest
    ) throws(ListenFailure) {
        do {
            switch request.sharing {
            case .alone:
                if held.descriptors.isEmpty { try Self.bindOne(&held, request) }
            case .among(let count):
                if held.descriptors.isEmpty { try Self.checkVacant(request.place, request.backlog) }
                while held.descriptors.count < count { try Self.bindShared(&held, request) }
            }
        } catch {
            for descriptor in held.descriptors { Glibc.close(descriptor) }
            throw error
        }
    }

    private static func bindOne(
        _ held: inout Held,
        _ request: ListenRequest
    ) throws(ListenFailure) {
        let dual: Int32 = request.isDualStack ? 1 : 0
        switch request.place {
        case .stream(let endpoint):
            var address = endpoint.system
            held.add(try Self.checked(mesh_listen_as(&address, request.backlog, 0, dual)))
        case .datagrams(let endpoint):
            var address = endpoint.system
            held.add(try Self.checked(mesh_datagram_listen_alone(&address)))
        case .path(let path):
            try Self.removeStale(path)
            held.add(try Self.checked(mesh_unix_listen(path, 0, request.backlog, 0o660)))
        }
    }

    private static func bindShared(
        _ held: inout Held,
        _ request: ListenRequest
    ) throws(ListenFailure) {
        if let first = held.descriptors.first, mesh_socket_is_shared(first) == 0 {
            // Bound by somebody who lets nobody beside: all readers share the one.
            return held.add(try Self.checked(mesh_copy_descriptor(first)))
        }
        switch held.place {
        case .stream(let endpoint):
            var address = endpoint.system
            held.add(try Self.checked(mesh_listen(&address, request.backlog, 1)))
        case .datagrams(let endpoint):
            var address = endpoint.system
            held.add(try Self.checked(mesh_datagram_listen(&address, 1)))
        case .path: throw ListenFailure(code: EINVAL)
        }
    }

    /// Refuses an address that another process listens on: the system would share its connections
    /// out between both, since ours share theirs.
    private static func checkVacant(
        _ place: ListenPlace,
        _ backlog: Int32
    ) throws(ListenFailure) {
        guard !place.isAnyPort else { return }
        switch place {
        case .stream(let endpoint):
            var address = endpoint.system
            Glibc.close(try Self.checked(mesh_listen(&address, 1, 0)))
        case .datagrams(let endpoint):
            var address = endpoint.system
            Glibc.close(try Self.checked(mesh_datagram_listen(&address, 0)))
        case .path: return
        }
    }

    /// Removes a unix socket that nobody listens on any more.
    private static func removeStale(_ path: String) throws(ListenFailure) {
        let descriptor = mesh_unix_connect(path, 0)
        if descriptor >= 0 {
            Glibc.close(descriptor)
            throw ListenFailure(code: EADDRINUSE)
        }
        if descriptor == -ECONNREFUSED { unlink(path) }
    }

    private static func copies(of descriptors: [Int32]) throws(ListenFailure) -> [Int32] {
        var copies: [Int32] = []
        for descriptor in descriptors {
            let copy = mesh_copy_descriptor(descriptor)
            guard copy >= 0 else {
                for copy in copies { Glibc.close(copy) }
                throw ListenFailure(code: -copy)
            }
            copies.append(copy)
        }
        return copies
    }

    private static func checked(_ result: Int32) throws(ListenFailure) -> Int32 {
        guard result >= 0 else { throw ListenFailure(code: -result) }
        return result
    }

    private static func close(_ held: Held, in state: State) {
        for descriptor in held.descriptors { Glibc.close(descriptor) }
        if case .path(let path) = held.place, !state.isHandedOver { unlink(path) }
    }
}

extension ListenerSet.Held {
    fileprivate init(_ request: ListenRequest) {
        self.init(name: request.name, place: request.place, descriptors: [])
    }

    /// Adds a socket; the first one learns the port, which the others must share.
    fileprivate mutating func add(_ descriptor: Int32) {
        self.descriptors.append(descriptor)
        guard self.descriptors.count == 1, self.place.isAnyPort else { return }
        let bound = InheritedSocket(name: self.name, descriptor: descriptor).place
        self = Self(name: self.name, place: bound ?? self.place, descriptors: [descriptor])
    }
}

extension ListenPlace {
    /// Whether it is a name in the file system.
    fileprivate var isPath: Bool {
        if case .path = self { true } else { false }
    }

    /// Whether the system chooses the port.
    fileprivate var isAnyPort: Bool {
        switch self {
        case .stream(let endpoint), .datagrams(let endpoint): endpoint.port == 0
        case .path: false
        }
    }
}
