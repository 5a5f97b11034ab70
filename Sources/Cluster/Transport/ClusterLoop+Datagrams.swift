import MeshMembership
import MeshPrimitives
import MeshWire
import NIOCore

extension ClusterLoop {
    /// Takes in one datagram; a bad one costs itself and is never answered.
    func received(datagram: [UInt8], from source: Endpoint) {
        self.counters.datagramsReceived += 1
        self.counters.datagramBytesReceived += UInt64(datagram.count)
        do throws(WireError) {
            let (sender, body) = try self.opener.open(datagram)
            self.lastHeard = ClusterService.now()
            for message in try ClusterMessage.decode(body, from: sender) {
                switch message {
                case .membership(let message):
                    self.stepMembership { $0.receive(message, from: source, at: $1) }
                // No changelog runs here yet.
                case .changelog: break
                case .replication(let message):
                    self.receive(message, from: sender)
                }
            }
        } catch {
            self.reject(error)
        }
    }

    /// Seals and sends one datagram; before the socket is bound it is lost, as datagrams may be.
    func send(_ message: ClusterMessage, to endpoint: Endpoint) {
        guard let datagrams = self.datagrams else { return }
        do {
            let sealed = try self.sealer.seal(message.encoded)
            let envelope = AddressedEnvelope(
                remoteAddress: try endpoint.socketAddress,
                data: ByteBuffer(bytes: sealed)
            )
            self.counters.datagramsSent += 1
            self.counters.datagramBytesSent += UInt64(sealed.count)
            datagrams.writeAndFlush(envelope, promise: nil)
        } catch is WireError {
            self.counters.datagramsOversized += 1
        } catch {
            self.counters.datagramSendFailures += 1
        }
    }
}
