import Glibc
import Synchronization

/// A DNS server of a test on 127.0.0.1, which knows what the test tells it (RFC 1035).
final class NameServer: Sendable {
    enum Record {
        case address(UInt8, UInt8, UInt8, UInt8)
        case service(priority: UInt16, weight: UInt16, port: UInt16, target: String)
    }

    /// How a name's questions of one type are treated.
    enum Treatment {
        case answer([Record], timeToLive: UInt32)
        /// SERVFAIL.
        case fail
        /// No answer at all.
        case ignore
    }

    private static let addressType: UInt16 = 1
    private static let serviceType: UInt16 = 33

    private struct Question: Hashable {
        let name: String
        let type: UInt16
    }

    private let zone = Mutex<[Question: Treatment]>([:])
    private let descriptor: Int32
    let port: UInt16

    init() {
        let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, length)
                _ = getsockname(descriptor, $0, &length)
            }
        }
        self.descriptor = descriptor
        self.port = UInt16(bigEndian: address.sin_port)
        var thread = pthread_t()
        let server = Unmanaged.passRetained(self)
        pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<NameServer>.fromOpaque(argument).takeRetainedValue().serve()
                return nil
            },
            server.toOpaque()
        )
        pthread_detach(thread)
    }

    /// As c-ares wants it.
    var text: String { "127.0.0.1:\(self.port)" }

    func addresses(of name: String, _ treatment: Treatment) {
        self.zone.withLock {
            $0[Question(name: name, type: Self.addressType)] = treatment
        }
    }

    func services(of name: String, _ treatment: Treatment) {
        self.zone.withLock {
            $0[Question(name: name, type: Self.serviceType)] = treatment
        }
    }

    /// Ends the thread.
    func stop() { shutdown(self.descriptor, Int32(SHUT_RDWR)) }

    private func serve() {
        var buffer = [UInt8](repeating: 0, count: 1_024)
        while true {
            var peer = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let count = withUnsafeMutablePointer(to: &peer) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(self.descriptor, &buffer, buffer.count, 0, $0, &length)
                }
            }
            guard count > 0 else { break }
            guard let answer = self.answer(Array(buffer.prefix(count))) else { continue }
            withUnsafeMutablePointer(to: &peer) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = sendto(self.descriptor, answer, answer.count, 0, $0, length)
                }
            }
        }
        close(self.descriptor)
    }

    private func answer(_ query: [UInt8]) -> [UInt8]? {
        guard query.count > 16 else { return nil }
        var place = 12
        var labels: [String] = []
        while place < query.count, query[place] > 0 {
            let end = place + 1 + Int(query[place])
            guard end < query.count else { return nil }
            labels.append(String(decoding: query[place + 1..<end], as: UTF8.self).lowercased())
            place = end
        }
        guard place + 5 <= query.count else { return nil }
        let type = UInt16(query[place + 1]) << 8 | UInt16(query[place + 2])
        let name = labels.joined(separator: ".")
        let (treatment, isKnown) = self.zone.withLock { zone in
            (
                zone[Question(name: name, type: type)],
                zone.keys.contains { $0.name == name }
            )
        }
        var records: [Record] = []
        var life: UInt32 = 0
        var code: UInt8 = isKnown ? 0 : 3
        switch treatment {
        case .answer(let found, let seconds)?: (records, life) = (found, seconds)
        case .fail?: code = 2
        case .ignore?: return nil
        case nil: break
        }
        var message = Array(query[0..<2]) + [0x81, 0x80 | code, 0, 1, 0, UInt8(records.count)]
        message += [0, 0, 0, 0] + query[12..<place + 5]
        for record in records { message += Self.bytes(record, life) }
        return message
    }

    private static func bytes(_ record: Record, _ life: UInt32) -> [UInt8] {
        let body: [UInt8]
        let type: UInt16
        switch record {
        case .address(let first, let second, let third, let fourth):
            (type, body) = (Self.addressType, [first, second, third, fourth])
        case .service(let priority, let weight, let port, let target):
            type = Self.serviceType
            body =
                Self.pair(priority) + Self.pair(weight) + Self.pair(port)
                + target.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + $0.utf8 } + [0]
        }
        // The name of the question stands at 12.
        return [0xC0, 12] + Self.pair(type) + Self.pair(1)
            + Self.pair(UInt16(life >> 16)) + Self.pair(UInt16(truncatingIfNeeded: life))
            + Self.pair(UInt16(body.count)) + body
    }

    private static func pair(_ number: UInt16) -> [UInt8] {
        [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)]
    }
}
