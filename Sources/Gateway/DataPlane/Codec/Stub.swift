internal import MeshHTTP
internal import MeshTLS

final class HTTP2Link {}
struct TLSSession {
    enum Handshake { case done, wantsInput, failed }
    enum Reading { case bytes(Int), drained, ended, truncated, broken }
    func inputArrived() {}
    func handshake() -> Handshake { .failed }
    func read(into: UnsafeMutableRawPointer, limit: Int) -> Reading { .broken }
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool { false }
    func close() {}
    func free() {}
    static func server(_ c: TLSServerContext, descriptor: Int32, output: TLSOutput) -> TLSSession? { nil }
    static func client(_ c: TLSClientContext, descriptor: Int32, serverName: UnsafeRawBufferPointer, output: TLSOutput) -> TLSSession? { nil }
}
final class TLSServerContext {}
final class TLSClientContext {}
extension TLSOutput {
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
    var isEmpty: Bool { true }
    func clear() {}
}
extension Worker {
    func sendToStream(_ place: Int32, head: Int, _ plain: UnsafeRawBufferPointer, isLast: Bool) -> Bool { false }
    func sendGeneratedToStream(_ place: Int32, _ count: Int) -> Bool { false }
    func streamTakesMore(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool { false }
    func resumeStream(_ exchange: UnsafeMutablePointer<Exchange>) {}
    func breakStream(_ place: Int32) {}
    func releaseStream(_ client: Int32, _ stream: Int32, after flags: Exchange.Flags) {}
    func setStreamTimer(_ place: Int32) {}
    func sessionWritten(_ index: Int32) -> Bool { false }
    func sessionReadable(_ index: Int32) {}
    func sessionIdle(_ index: Int32) {}
    func endSession(_ index: Int32) {}
    func drainSession(_ index: Int32) {}
    func wantsSession(_ index: Int32) -> Bool { false }
    func targetSessionOpened(_ index: Int32) -> Bool { false }
    func targetSessionFailed(_ index: Int32, _ cause: ProxyFailure.Cause) {}
    func targetSessionWritten(_ index: Int32) {}
    func targetSessionReadable(_ index: Int32) {}
    func sendToTargetStream(_ index: Int32, head: Int, _ plain: UnsafeRawBufferPointer, isLast: Bool) -> Bool { false }
    func targetStreamTakesMore(_ attempt: Attempt) -> Bool { false }
    func releaseTargetStream(_ index: Int32) {}
    func resumeTargetStream(_ index: Int32) {}
    func handshakeFailed(_ index: Int32) { self.close(index) }
    func clientOpened(_ index: Int32) -> Bool { true }
    func clientAccepted(_ index: Int32) {}
    func targetLinkTimedOut(_ index: Int32) { self.close(index) }
    func exchangeTimedOut(_ place: Int32) {}
}
