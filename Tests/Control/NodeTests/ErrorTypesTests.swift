import MeshAdmin
import MeshAdminClient
import MeshChangelog
import MeshDataPlane
import MeshEntities
import MeshHTTP
import MeshMembership
import MeshPrimitives
import MeshReports
import MeshResolver
import MeshRouting
import MeshStorage
import MeshTLS
import MeshTransport
import MeshWire
import Testing

@testable import MeshNode

/// Errors survive being thrown by their type.
///
/// Release builds of Swift 6.3.1 handed a thrown enum wider than four words to its catch with a
/// wrong case, and printing it jumped into nowhere. Enums that carry much are one word (indirect), and
/// each case is thrown, caught by its type, and printed.
@Suite("Every error type")
struct ErrorTypesTests {
    private static let long = String(repeating: "a long text ", count: 8)
    private static let endpoint = Endpoint(
        address: .v6(high: 0xFD77 << 48, low: 1),
        port: 7_946
    )

    /// Throws each error by its type and compares what arrives with what was thrown.
    private func check<Failure: Error & Equatable>(
        _ errors: [Failure],
        _ raise: (Failure) throws(Failure) -> Int = { (error) throws(Failure) in throw error }
    ) {
        #expect(MemoryLayout<Failure>.size <= 4 * MemoryLayout<Int>.size, "\(Failure.self)")
        for error in errors {
            do throws(Failure) {
                _ = try raise(error)
                Issue.record("\(error) was not thrown")
            } catch let caught {
                #expect(caught == error)
                #expect(!"\(caught)".isEmpty)
                #expect(!String(describing: caught as any Error).isEmpty)
            }
        }
    }

    @Test("of the cluster arrives as it was thrown")
    func cluster() {
        let (long, endpoint) = (Self.long, Self.endpoint)
        self.check(WireError.allCases)
        self.check([
            ByteReaderError.truncated(needed: .max, remaining: 0),
            .tooLarge(found: .max, limit: 0), .invalidText,
            .invalidValue(field: long, found: .max),
        ])
        self.check([
            ClusterError.bindFailed(endpoint, reason: long)
        ])
        self.check([
            ChangelogError.invalidKey(long),
            .stale(held: ChangelogHead(generation: .max, hash: .zero)),
            .entityChanged(key: long, held: .zero), .entityChanged(key: long, held: nil),
            .refused(reason: long), .tooLarge(found: .max, limit: 0), .busy(limit: .max),
            .notSaved(reason: long), .exhausted, .malformed(reason: long),
        ])
        self.check([
            MembershipConfigurationError.outOfRange(field: long, value: long, allowed: long)
        ])
        self.check([
            KeyRingError.empty, .fieldCount(line: 1, found: 2),
            .invalidEpoch(line: 1, found: long), .invalidKey(line: 1, epoch: 2),
            .keySize(line: 1, epoch: 2, byteCount: 3), .unknownMark(line: 1, found: long),
            .duplicateEpoch(line: 1, epoch: 2), .secondPrimary(line: 1, first: 2),
            .tooManyKeys(line: 1),
        ])
        self.check([
            StorageError.directoryMissing(directory: long),
            .notWritable(file: long, reason: long), .inUse(file: long),
            .damaged(file: long, reason: long), .newerSchema(file: long),
            .closed(file: long),
            .writeFailed(file: long, reason: long),
        ])
    }

    @Test("of the gateway arrives as it was thrown")
    func gateway() {
        let (long, endpoint) = (Self.long, Self.endpoint)
        self.check(HTTPFault.allCases)
        self.check([
            TLSConfigurationError.unreadable(owner: long, field: long, value: long, remedy: long),
            .mismatch(owner: long, field: long, value: long, remedy: long),
            .alternate(owner: long, field: long, value: long, remedy: long),
            .refused(owner: long, field: long, value: long, remedy: long),
        ])
        self.check([
            RoutingError.invalidPath(route: long, path: long, message: long),
            .invalidHeader(route: long, header: long, value: long, message: long),
            .tooManyMethods(route: long, limit: .max),
            .pathTooLong(route: long, path: long, limit: .max),
        ])
        self.check([
            SnapshotError.routing(long), .plugin(long), .tls(long),
            .tooManyTargets(upstream: long, count: .max),
        ])
        self.check([
            DataPlaneError.cannotListen(endpoint, errno: 99),
            .cannotOpenLog(path: long, errno: 2), .outOfResources, .startedTwice,
        ])
        self.check([
            ErrorTemplate.Fault.placeholders(count: .max), .percent(offset: .max),
            .tooLong(byteCount: .max),
        ])
    }

    @Test("of the control side arrives as it was thrown")
    func control() {
        let long = Self.long
        let version = ConfigurationVersion(generation: .max, hash: long)
        self.check([
            SettingsError.unreadable(file: long, reason: long),
            .unknown(field: long, source: long, suggestion: long),
            .unknown(field: long, source: long, suggestion: nil),
            .invalid(field: long, value: long, source: long, allowed: long),
            .missing(field: long, remedy: long),
            .conflict(field: long, value: long, remedy: long),
            .several([.missing(field: long, remedy: long), .missing(field: long, remedy: long)]),
        ])
        self.check([ResolverError.unknownHost(long), .unavailable(host: long, reason: long)])
        self.check([
            AdminClientError.invalidAddress(long), .invalidAddress("https://h"),
            .unreachable(address: long, reason: long), .timedOut(address: long, after: .seconds(1)),
            .refused(status: 400, FailureReport(code: long, message: long)),
            .unexpected(address: long, reason: long),
        ])
        self.check([
            AdminError.invalidConfiguration(
                InvalidConfiguration(message: long, fields: .list([]), findings: [])
            ),
            .busy, .timedOut, .stopping, .stale(held: version), .unknownNode(long), .refused(long),
            .failed(long),
        ])
        let failure = AdminListener.Failure.cannotListen(long, "\(Self.endpoint)", reason: long)
        #expect("\(failure as any Error)".contains("[fd77::1]:7946"))
    }
}
