import MeshEntities

/// Looks up whether clients' certificates were revoked: at the OCSP responder that a certificate names,
/// then in the lists that it names; what was found is remembered for a while.
///
///     known --> good | revoked | unknown (by mode)
///     else  --> asked outside, the request waits --> known
///                     | too much waits --> undecided
///
/// Source: Kong Enterprise 3.9, documentation of `mtls-auth`, `revocation_check_mode`.
struct RevocationCheck: Sendable {
    /// What is known of a certificate.
    enum Finding {
        /// It may be taken.
        case passes
        /// It was revoked, or nothing is known of it where that is not enough.
        case fails
        /// It is being asked for; the request waits for so many milliseconds at most.
        case isAsked(milliseconds: Int64)
        /// Nobody could be asked, which says nothing of it.
        case isUndecided
    }

    /// What whoever asked tells the step that runs again.
    private enum Note {
        static let good: UInt64 = 1
        static let revoked: UInt64 = 2
        static let unknown: UInt64 = 3
        static let isUndecided: UInt64 = 4
    }

    /// One place that is asked.
    private struct Place: Sendable {
        let question: OutsideQuestion
        let isList: Bool

        init(_ endpoint: HTTPLogEndpoint, _ rest: [UInt8], isList: Bool) {
            self.question = OutsideQuestion(endpoint: endpoint, request: endpoint.head + rest)
            self.isList = isList
        }
    }

    /// What stands for what is known.
    private struct Marks: Sendable {
        let good: PluginMark
        let revoked: PluginMark
        let unknown: PluginMark
    }

    /// Most milliseconds for which nobody is asked again who gave no answer: 10 s.
    private static let unknownLimit: UInt64 = 10_000

    private let isStrict: Bool
    private let timeout: Int64
    private let ttl: UInt64
    private let instance: EntityID

    /// Makes a check of the settings; nil for `SKIP`.
    init?(_ settings: PluginSettings) throws(PluginError) {
        let mode = try settings.text("revocation_check_mode")
        guard mode != "SKIP" else { return nil }
        self.isStrict = mode == "STRICT"
        let timeout = try settings.number("http_timeout") ?? 30_000
        guard (1...600_000).contains(timeout) else {
            throw settings.error("http_timeout", "value should be between 1 and 600000")
        }
        let ttl = try settings.number("cert_cache_ttl") ?? 60_000
        guard (1...31_536_000_000).contains(ttl) else {
            throw settings.error("cert_cache_ttl", "value should be between 1 and 31536000000")
        }
        self.timeout = Int64(timeout)
        self.ttl = UInt64(ttl)
        self.instance = settings.memoryID
    }

    /// Says what is known, or asks; `issuer` gives the certificate of who signed this one, retained.
    func look(
        _ peer: PeerCertificate,
        _ request: PluginRequest,
        note: UInt64,
        issuer: () -> OpaquePointer?
    ) -> Finding {
        switch note {
        case Note.good: return .passes
        case Note.revoked: return .fails
        case Note.unknown: return self.unknown
        case Note.isUndecided: return .isUndecided
        default: break
        }
        guard let shared = request.shared, let resumption = request.resumption else {
            return .isUndecided
        }
        let digest = PeerCertificate.digest(of: peer.certificate)
        let marks = self.marks(digest, shared, at: request.wallMilliseconds)
        if shared.memory.contains(marks.revoked) { return .fails }
        if shared.memory.contains(marks.good) { return .passes }
        if shared.memory.contains(marks.unknown) { return self.unknown }
        guard let issuer = issuer() else { return self.unknown }
        let question = RevocationQuestion(peer.certificate, issuer: issuer)
        let places = self.places(question)
        guard !places.isEmpty else { return self.unknown }
        let isAsked = shared.inquiries.ask(
            places.map(\.question),
            as: PluginMark(self.instance, "asked", digest, secret: shared.secret),
            milliseconds: self.timeout,
            byteLimit: Self.answerLimit,
            read: { Self.read($1, of: places[$0], question) },
            done: { finding, now in
                // The answer may have taken longer than what is known holds.
                let marks = self.marks(digest, shared, at: now)
                resumption.resume(.again(note: Self.keep(finding, marks, shared.memory)))
            }
        )
        return isAsked ? .isAsked(milliseconds: self.timeout + 1_000) : .isUndecided
    }

    /// What an answer says, if that may be relied on.
    private static func read(
        _ answer: OutsideAnswer,
        of place: Place,
        _ question: RevocationQuestion
    ) -> UInt64? {
        guard answer.status == 200, let body = answer.body else { return nil }
        return switch place.isList ? question.read(list: body) : question.read(answer: body) {
        case .good: Note.good
        case .revoked: Note.revoked
        case .unknown: nil
        }
    }

    /// Remembers what was found; what the step that runs again is told.
    private static func keep(
        _ finding: OutsideFinding,
        _ marks: Marks,
        _ memory: any PluginMemory
    ) -> UInt64 {
        switch finding {
        case .found(let note):
            memory.insert(note == Note.good ? marks.good : marks.revoked)
            return note
        case .nothing:
            memory.insert(marks.unknown)
            return Note.unknown
        case .unasked: return Note.isUndecided
        }
    }

    private var unknown: Finding { self.isStrict ? .fails : .passes }

    private func marks(
        _ digest: [UInt8],
        _ shared: PluginShared,
        at now: UInt64
    ) -> Marks {
        let mark = { (word: String, span: UInt64) in
            PluginMark(self.instance, "\(word) \(now / span)", digest, secret: shared.secret)
        }
        return Marks(
            good: mark("good", self.ttl),
            revoked: mark("revoked", self.ttl),
            unknown: mark("unknown", min(self.ttl, Self.unknownLimit))
        )
    }

    /// Where to ask, in order: who answers at once before lists.
    private func places(_ question: RevocationQuestion) -> [Place] {
        let text = question.text
        let head = Array("Content-Length: \(text.count)\r\n\r\n".utf8)
        let responders = text.isEmpty ? [] : question.responders
        return responders.compactMap { address in
            HTTPLogEndpoint(
                address,
                method: "POST",
                contentType: "application/ocsp-request",
                milliseconds: self.timeout
            )
            .map { Place($0, head + text, isList: false) }
        }
            + question.lists.compactMap { address in
                HTTPLogEndpoint(
                    address,
                    method: "GET",
                    contentType: nil,
                    milliseconds: self.timeout
                )
                .map { Place($0, [0x0D, 0x0A], isList: true) }
            }
    }

    /// Most bytes of an answer: 4 MiB, which lists of 100,000 certificates take.
    private static let answerLimit = 4 * 1_024 * 1_024
}
