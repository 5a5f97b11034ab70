/// What steps share beyond one request: kept by the data plane for all workers, so that steps
/// themselves hold nothing that changes and draw no dice.
public final class PluginShared: Sendable {
    /// What counts requests.
    let limits: LimitCounters
    /// What was found out before.
    let memory: any PluginMemory
    /// Which tokens were found signed; apart, so that tokens, of which there may be many, push nothing
    /// out that takes longer to find out.
    let tokens: any PluginMemory
    /// What asks servers outside.
    let client: any PluginClient
    /// What asks authorities for certificates.
    let inquiries: any PluginInquiries
    /// What asks directories.
    let directory: any PluginDirectory
    /// What keeps answers.
    let cache: any AnswerCaching
    /// What the node is called, as answers of plugins tell it.
    public let node: PluginNode
    /// 32 bytes that were drawn when the process started and leave it never.
    let secret: [UInt8]
    /// What seals sessions now whose plugin has no secret, the first the new ones.
    let sessionKeys: @Sendable () -> [[UInt8]]
    /// Draws so many bytes that nobody can foresee.
    let random: @Sendable (Int) -> [UInt8]

    /// Brings together what steps share.
    ///
    /// - Parameters:
    ///   - limits: what counts requests.
    ///   - memory: what was found out before.
    ///   - tokens: which tokens were found signed.
    ///   - client: what asks servers outside.
    ///   - inquiries: what asks authorities for certificates.
    ///   - directory: what asks directories.
    ///   - cache: what keeps answers.
    ///   - node: what the node is called.
    ///   - sessionKeys: what the nodes of a mesh seal sessions with; from any thread.
    ///   - random: draws so many bytes that nobody can foresee; from any thread.
    public init(
        limits: LimitCounters,
        memory: any PluginMemory,
        tokens: any PluginMemory,
        client: any PluginClient,
        inquiries: any PluginInquiries,
        directory: any PluginDirectory,
        cache: any AnswerCaching,
        node: PluginNode,
        sessionKeys: @escaping @Sendable () -> [[UInt8]],
        random: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.limits = limits
        self.memory = memory
        self.tokens = tokens
        self.client = client
        self.inquiries = inquiries
        self.directory = directory
        self.cache = cache
        self.node = node
        self.sessionKeys = sessionKeys
        self.secret = random(32)
        self.random = random
    }
}

/// What a node is called.
public struct PluginNode: Sendable {
    /// Its identity in the mesh.
    public let id: String
    /// What its machine is called.
    public let host: String

    /// Names a node.
    public init(id: String, host: String) {
        self.id = id
        self.host = host
    }
}

/// What stands for something that was found out, under a key that nobody knows.
public struct PluginMark: Hashable, Sendable {
    /// The first half.
    public let high: UInt64
    /// The second half.
    public let low: UInt64

    /// Brings two halves together.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Takes 16 bytes.
    init(_ bytes: [UInt8]) {
        (self.high, self.low) = bytes.withUnsafeBytes { bytes in
            (
                bytes.loadUnaligned(as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            )
        }
    }
}

/// Remembers marks, as far as there is room; from any thread, without waiting.
public protocol PluginMemory: AnyObject, Sendable {
    /// Whether a mark is remembered.
    func contains(_ mark: PluginMark) -> Bool
    /// Remembers a mark; another one may be forgotten for it.
    func insert(_ mark: PluginMark)
}
