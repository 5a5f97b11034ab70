import MeshEntities

/// Looks up whether clients' certificates were revoked: at the OCSP responder that a certificate names,
/// then in the lists that it names; what was found is remembered for a while.
///
///     known --> good | revoked | unknown (by mode)
///     else  --> asked outside, the request waits --> known
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
    }

    /// What whoever asked tells the step that runs again.
    private enum Note {
        static let good: UInt64 = 1
        static let revoked: UInt64 = 2
        static let unknown: UInt64 = 3
    }

    /// One place that is asked.
    private struct Place: Sendable {
        let endpoint: HTTPLogEndpoint
        let request: [UInt8]
        let isList: Bool
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
        self.instance = settings.plugin.id
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
        default: break
        }
        guard let shared = request.shared, let resumption = request.resumption else {
            return self.unknown
        }
        let marks = self.marks(peer, shared, at: request.wallMilliseconds)
        if shared.memory.contains(marks.revoked) { return .fails }
        if shared.memory.contains(marks.good) { return .passes }
        if shared.memory.contains(marks.unknown) { return self.unknown }
        guard let issuer = issuer() else { return self.unknown }
        let question = RevocationQuestion(peer.certificate, issuer: issuer)
        let places = self.places(question)
        guard !places.isEmpty else { return self.unknown }
        Self.ask(places[...], question, shared.client) { finding in
            switch finding {
            case .good: shared.memory.insert(marks.good)
            case .revoked: shared.memory.insert(marks.revoked)
            case .unknown: shared.memory.insert(marks.unknown)
            }
            let note =
                switch finding {
                case .good: Note.good
                case .revoked: Note.revoked
                case .unknown: Note.unknown
                }
            resumption.resume(.again(note: note))
        }
        return .isAsked(milliseconds: self.timeout * Int64(places.count) + 1_000)
    }

    private var unknown: Finding { self.isStrict ? .fails : .passes }

    private func marks(
        _ peer: PeerCertificate,
        _ shared: PluginShared,
        at now: UInt64
    ) -> Marks {
        let digest = PeerCertificate.digest(of: peer.certificate)
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
            .map { Place(endpoint: $0, request: $0.head + head + text, isList: false) }
        }
            + question.lists.compactMap { address in
                HTTPLogEndpoint(
                    address,
                    method: "GET",
                    contentType: nil,
                    milliseconds: self.timeout
                )
                .map { Place(endpoint: $0, request: $0.head + [0x0D, 0x0A], isList: true) }
            }
    }

    /// Asks one place after the other until one says something that may be relied on.
    private static func ask(
        _ places: ArraySlice<Place>,
        _ question: RevocationQuestion,
        _ client: any PluginClient,
        _ done: @escaping @Sendable (RevocationQuestion.Finding) -> Void
    ) {
        guard let place = places.first else { return done(.unknown) }
        let isAsked = client.ask(
            place.endpoint,
            place.request,
            byteLimit: Self.answerLimit
        ) { answer in
            guard let answer, answer.status == 200 else {
                return Self.ask(places.dropFirst(), question, client, done)
            }
            let finding =
                place.isList
                ? question.read(list: answer.body) : question.read(answer: answer.body)
            guard finding == .unknown else { return done(finding) }
            Self.ask(places.dropFirst(), question, client, done)
        }
        // Too much waits already, which says nothing of the certificate.
        if !isAsked { done(.unknown) }
    }

    /// Most bytes of an answer: 4 MiB, which lists of 100,000 certificates take.
    private static let answerLimit = 4 * 1_024 * 1_024
}
