import CCares
import Dispatch
public import MeshPrimitives

/// Looks up host names with c-ares: the hosts file first, then the configured name servers.
///
/// Each lookup has its own channel and ends within ``timeout`` per try, so a dead name server can
/// hold up nobody else. `getaddrinfo` is not used since it hides how long an answer holds.
public struct HostResolver: Sendable {
    /// Time for one try at one name server.
    ///
    /// Default 1 s; above 0. Each server is tried twice.
    public var timeout: Duration = .seconds(1)

    /// Name servers as `address:port`, separated by commas; empty, the default, for the system's.
    ///
    /// With servers of its own the hosts file and search domains do not count.
    public var servers = ""

    private let queue = DispatchQueue(label: "meshgate.resolver", attributes: .concurrent)

    /// Creates a resolver with the system's name servers.
    public init() {
        // Idempotent; must run once before the first channel.
        ares_library_init(ARES_LIB_INIT_ALL)
    }

    /// Returns all addresses of a host, IPv4 first, and how long they hold.
    ///
    /// An IP address resolves to itself for ever.
    ///
    /// - Parameter host: a host name or an IP address, without port.
    /// - Returns: at least one address.
    /// - Throws: ``ResolverError`` when the name does not exist or no server answers in time.
    public func addresses(of host: String) async throws(ResolverError) -> ResolvedHost {
        if let address = IPAddress(host) {
            return ResolvedHost(addresses: [address], timeToLive: .seconds(Int64(Int32.max)))
        }
        let result: Result<ResolvedHost, ResolverError> = await withCheckedContinuation { done in
            self.queue.async { done.resume(returning: self.lookUp(host)) }
        }
        return try result.get()
    }

    /// Returns where a host's service is: what its SRV records say, with the addresses of the hosts
    /// they name, or the host's own addresses when it has none.
    ///
    /// Of the records those of the lowest priority count, at most 64. An IP address resolves to
    /// itself for ever.
    ///
    /// - Parameter host: a host name or an IP address, without port.
    /// - Returns: at least one address.
    /// - Throws: ``ResolverError`` when there is no such name, when none of the hosts that the records
    ///   name has an address, or when no server answers in time.
    public func services(of host: String) async throws(ResolverError) -> ResolvedServices {
        if let address = IPAddress(host) {
            return ResolvedServices(
                addresses: [HostAddress(address)],
                timeToLive: .seconds(Int64(Int32.max)),
                isCertain: true
            )
        }
        let result: Result<ResolvedServices, ResolverError> =
            await withCheckedContinuation { done in
                self.queue.async { done.resume(returning: self.lookUpServices(host)) }
            }
        return try result.get()
    }

    private func channel(
        for host: String
    ) -> Result<ares_channel, ResolverError> {
        var options = ares_options()
        options.timeout = Int32(clamping: self.timeout.saturatedNanoseconds / 1_000_000)
        options.tries = 2
        var mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES
        if !self.servers.isEmpty { mask |= ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS }
        var channel: ares_channel?
        // `b` for name servers alone.
        var status = "b".withCString { lookups in
            options.lookups = UnsafeMutablePointer(mutating: lookups)
            return ares_init_options(&channel, &options, mask)
        }
        if status == ARES_SUCCESS, !self.servers.isEmpty {
            status = ares_set_servers_ports_csv(channel, self.servers)
        }
        guard status == ARES_SUCCESS, let channel else {
            if let channel { ares_destroy(channel) }
            return .failure(.unavailable(host: host, reason: Self.text(of: status)))
        }
        return .success(channel)
    }

    /// Asks for SRV records and addresses at once, then for the addresses of the hosts that the
    /// records name.
    private func lookUpServices(_ host: String) -> Result<ResolvedServices, ResolverError> {
        let channel: ares_channel
        switch self.channel(for: host) {
        case .success(let made): channel = made
        case .failure(let error): return .failure(error)
        }
        defer { ares_destroy(channel) }
        return withUnsafeTemporaryAllocation(of: ServiceLookup.self, capacity: 1) { storage in
            storage.initializeElement(at: 0, to: ServiceLookup())
            defer { storage.deinitialize() }
            ares_search(
                channel,
                host,
                ServiceLookup.internet,
                ServiceLookup.type,
                ServiceLookup.finish,
                storage.baseAddress
            )
            let own = self.lookUp([host], on: channel, andUntil: { storage[0].isDone })
            let records = storage[0].answer?.preferred ?? []
            guard !records.isEmpty else {
                return own[0].result(for: host).map { found in
                    ResolvedServices(
                        addresses: found.addresses.map { HostAddress($0) },
                        timeToLive: found.timeToLive,
                        isCertain: storage[0].isCertain
                    )
                }
            }
            let names = Array(Set(records.map(\.target))).sorted()
            let found = Dictionary(
                uniqueKeysWithValues: zip(names, self.lookUp(names, on: channel))
            )
            return ServiceLookup.join(records, found, for: host)
        }
    }

    /// Looks up several names on one channel, at once, and drives it until all of them, and what else
    /// the caller waits for, are through.
    private func lookUp(
        _ names: [String],
        on channel: ares_channel,
        andUntil isDone: () -> Bool = { true }
    ) -> [Lookup] {
        withUnsafeTemporaryAllocation(of: Lookup.self, capacity: names.count) { storage in
            storage.initialize(repeating: Lookup())
            defer { storage.deinitialize() }
            for (index, name) in names.enumerated() {
                var hints = ares_addrinfo_hints()
                hints.ai_family = AF_UNSPEC
                hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
                let place = storage.baseAddress.map { $0 + index }
                ares_getaddrinfo(channel, name, nil, &hints, Lookup.finish, place)
            }
            self.drive(channel) { isDone() && storage.allSatisfy(\.isDone) }
            return Array(storage)
        }
    }

    private func lookUp(_ host: String) -> Result<ResolvedHost, ResolverError> {
        let channel: ares_channel
        switch self.channel(for: host) {
        case .success(let made): channel = made
        case .failure(let error): return .failure(error)
        }
        defer { ares_destroy(channel) }
        return self.lookUp([host], on: channel)[0].result(for: host)
    }

    /// Waits for the channel's sockets until the answer is there; c-ares bounds the time.
    private func drive(_ channel: ares_channel, until isDone: () -> Bool) {
        while !isDone() {
            var sockets = [ares_socket_t](repeating: 0, count: Int(ARES_GETSOCK_MAXNUM))
            let mask = ares_getsock(channel, &sockets, Int32(sockets.count))
            var polled: [pollfd] = []
            for index in sockets.indices {
                let reads = mask & (1 << Int32(index)) != 0
                let writes = mask & (1 << Int32(index + Int(ARES_GETSOCK_MAXNUM))) != 0
                guard reads || writes else { continue }
                let events = (reads ? POLLIN : 0) | (writes ? POLLOUT : 0)
                polled.append(pollfd(fd: sockets[index], events: Int16(events), revents: 0))
            }
            guard !polled.isEmpty else { return }
            _ = poll(&polled, nfds_t(polled.count), 50)
            for entry in polled {
                let reads = entry.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0
                let writes = entry.revents & Int16(POLLOUT) != 0
                guard reads || writes else { continue }
                ares_process_fd(channel, reads ? entry.fd : -1, writes ? entry.fd : -1)
            }
            // Lets c-ares see its timeouts.
            ares_process_fd(channel, -1, -1)
        }
    }

    fileprivate static func text(of status: Int32) -> String {
        String(cString: ares_strerror(status))
    }
}

/// The addresses of one host.
public struct ResolvedHost: Equatable, Sendable {
    /// The addresses, IPv4 first, each once.
    public let addresses: [IPAddress]
    /// How long the answer holds: the least of the records' times, at least 1 s.
    public let timeToLive: Duration

    /// Creates an answer.
    public init(addresses: [IPAddress], timeToLive: Duration) {
        self.addresses = addresses
        self.timeToLive = timeToLive
    }
}

/// Where the service of one host is.
public struct ResolvedServices: Equatable, Sendable {
    /// At least one address, each once for each port and weight.
    public let addresses: [HostAddress]
    /// How long the answer holds: the least of the records' times, at least 1 s.
    public let timeToLive: Duration
    /// Whether the name servers said whether there are SRV records.
    public let isCertain: Bool

    /// Creates an answer.
    public init(addresses: [HostAddress], timeToLive: Duration, isCertain: Bool) {
        self.addresses = addresses
        self.timeToLive = timeToLive
        self.isCertain = isCertain
    }
}

/// Why a host has no addresses.
public indirect enum ResolverError: Error, Equatable, Sendable {
    /// The name servers say that the name does not exist or has no address.
    case unknownHost(String)
    /// No server gave an answer.
    case unavailable(host: String, reason: String)
}

extension ResolverError: CustomStringConvertible {
    /// One line for the operator.
    public var description: String {
        switch self {
        case .unknownHost(let host): "\(host): no such host; check the name or add it to DNS"
        case .unavailable(let host, let reason):
            "\(host): name servers gave no answer (\(reason)); check the resolver settings"
        }
    }
}

/// The state of one running lookup of addresses, filled by c-ares's callback.
private struct Lookup {
    var isDone = false
    var status: Int32 = 0
    var addresses: [IPAddress] = []
    var timeToLive: Int32 = .max

    static let finish: ares_addrinfo_callback = { argument, status, _, info in
        guard let lookup = argument?.assumingMemoryBound(to: Lookup.self) else { return }
        lookup.pointee.isDone = true
        lookup.pointee.status = status
        var node = info?.pointee.nodes
        while let current = node {
            lookup.pointee.take(current.pointee)
            node = current.pointee.ai_next
        }
        if let info { ares_freeaddrinfo(info) }
    }

    private mutating func take(_ node: ares_addrinfo_node) {
        self.timeToLive = min(self.timeToLive, node.ai_ttl)
        let raw = UnsafeRawPointer(node.ai_addr)
        switch node.ai_family {
        case AF_INET:
            guard let address = raw?.load(as: sockaddr_in.self) else { return }
            self.addresses.append(.v4(UInt32(bigEndian: address.sin_addr.s_addr)))
        case AF_INET6:
            guard var address = raw?.load(as: sockaddr_in6.self) else { return }
            let halves = withUnsafeBytes(of: &address.sin6_addr) { bytes in
                (
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            self.addresses.append(.v6(high: halves.0, low: halves.1))
        default: return
        }
    }

    func result(for host: String) -> Result<ResolvedHost, ResolverError> {
        switch self.status {
        case ARES_SUCCESS where !self.addresses.isEmpty:
            var seen = Set<IPAddress>()
            let unique = self.addresses.filter { seen.insert($0).inserted }
            let v4 = unique.filter { if case .v4 = $0 { true } else { false } }
            let v6 = unique.filter { if case .v6 = $0 { true } else { false } }
            return .success(
                ResolvedHost(
                    addresses: v4 + v6,
                    timeToLive: .seconds(Int64(max(1, self.timeToLive)))
                )
            )
        case ARES_SUCCESS, ARES_ENOTFOUND, ARES_ENODATA: return .failure(.unknownHost(host))
        default:
            return .failure(.unavailable(host: host, reason: HostResolver.text(of: self.status)))
        }
    }
}

/// The state of one running lookup of SRV records, filled by c-ares's callback.
private struct ServiceLookup {
    static let internet: Int32 = 1
    static let type: Int32 = 33

    var isDone = false
    var status: Int32 = 0
    var answer: ServiceAnswer?

    static let finish: ares_callback = { argument, status, _, bytes, count in
        guard let lookup = argument?.assumingMemoryBound(to: ServiceLookup.self) else { return }
        lookup.pointee.isDone = true
        lookup.pointee.status = status
        guard status == ARES_SUCCESS, let bytes, count > 0 else { return }
        let message = UnsafeBufferPointer(start: bytes, count: Int(count))
        lookup.pointee.answer = ServiceAnswer(Array(message))
    }

    /// Whether the servers said whether there are such records; those that refuse the question have
    /// none.
    var isCertain: Bool {
        switch self.status {
        case ARES_SUCCESS, ARES_ENODATA, ARES_ENOTFOUND, ARES_ENOTIMP, ARES_EREFUSED,
            ARES_EFORMERR:
            true
        default: false
        }
    }

    /// Every record with every address of the host it names; hosts without an address are left out.
    static func join(
        _ records: [ServiceAnswer.Record],
        _ found: [String: Lookup],
        for host: String
    ) -> Result<ResolvedServices, ResolverError> {
        var addresses: [HostAddress] = []
        var life = records.map { Duration.seconds(Int64($0.timeToLive)) }.min() ?? .seconds(1)
        var failure = ResolverError.unknownHost(host)
        for record in records {
            switch found[record.target]?.result(for: record.target) {
            case .success(let target)?:
                let service = HostAddress.Service(
                    name: record.target,
                    port: record.port,
                    weight: Int(record.weight)
                )
                addresses += target.addresses.map { HostAddress($0, service: service) }
                life = min(life, target.timeToLive)
            case .failure(let error)?: failure = error
            case nil: break
            }
        }
        guard !addresses.isEmpty else { return .failure(failure) }
        return .success(
            ResolvedServices(
                addresses: Set(addresses).sorted(),
                timeToLive: max(life, .seconds(1)),
                isCertain: true
            )
        )
    }
}
