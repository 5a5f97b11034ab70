import Glibc
import MeshDataPlane
import MeshListening
import MeshPrimitives

/// What `meshd run --dev` runs by: a mesh of one on a loopback address, with a sample to try.
enum DevelopmentNode {
    /// Settings that nobody needs to give, for a node that keeps its data in a folder.
    ///
    /// - Parameters:
    ///   - directory: the data folder.
    ///   - address: the loopback address of all its ports, which are the usual ones.
    /// - Returns: settings by name.
    static func settings(directory: String, address: String) -> [String: String] {
        [
            "node.name": "dev", "node.region": "dev", "node.data_dir": directory,
            "proxy.listen": "\(address):8000", "proxy.tls_listen": "\(address):8443",
            "admin.listen": "\(address):8001", "status.listen": "\(address):8100",
            "gossip.bind": "\(address):7946", "gossip.profile": "local",
        ]
    }

    /// The settings at the first loopback address where nobody else listens: the nodes of a
    /// demonstration, or another development node, may have the first ones.
    ///
    /// - Parameter settings: what the node would run by at an address.
    /// - Returns: those of 127.0.0.1 when none of 32 is free; what is taken is told when it is opened.
    /// - Throws: what `settings` throws.
    static func vacant(
        _ settings: (_ address: String) throws(SettingsError) -> NodeSettings
    ) throws(SettingsError) -> NodeSettings {
        for last in 1...32 {
            let some = try settings("127.0.0.\(last)")
            if Self.isVacant(some) { return some }
        }
        return try settings("127.0.0.1")
    }

    private static func isVacant(_ settings: NodeSettings) -> Bool {
        let listeners = ListenerSet()
        defer { listeners.releaseAll() }
        let proxy = settings.proxy.dataPlane
        let endpoints =
            (proxy.listen + proxy.tlsListen).map(\.endpoint) + [
                settings.admin.listen, settings.statusListen, settings.gossip.bind,
            ]
        let gossip = ListenPlace.datagrams(settings.gossip.bind)
        let places = endpoints.map { ListenPlace.stream($0) } + [gossip]
        return places.allSatisfy { place in
            guard let socket = try? listeners.openOne(ListenRequest("\(place)", place)) else {
                return false
            }
            close(socket.descriptor)
            return true
        }
    }

    /// What somebody who has just started a node of his own may try.
    static func welcome(_ settings: NodeSettings) -> String {
        let proxy = settings.proxy.dataPlane.listen.first.map { "\($0)" } ?? "127.0.0.1:8000"
        let admin = "\(settings.admin.listen)"
        let there = admin == "127.0.0.1:8001" ? "" : " --admin http://\(admin)"
        // A file of the user's has other routes, or was refused.
        let first =
            settings.configurationFile.map { file in
                "meshctl config diff \(file)\(there)                   whether it routes by this file"
            } ?? "curl http://\(proxy)/hello                       a route that is there"
        return """

            A mesh of one is ready. Try:
              \(first)
              open http://\(admin)/mesh/ui                     the mesh, live, in a browser
              curl http://\(admin)/services -d name=mine -d url=http://127.0.0.1:9000
              curl http://\(admin)/services/mine/routes -d 'paths[]=/mine'
                                                               a service and a route, as with Kong
              meshctl status\(there); meshctl config history\(there)
                                                               the same from a terminal
            It is gone with this process (Ctrl-C). Five nodes: cluster/up; for good: --config FILE.


            """
    }

    /// A route that answers without any target.
    static let sampleConfiguration = """
        _format_version: "3.0"
        services:
          - name: sample
            host: 127.0.0.1
            routes:
              - name: hello
                paths: [/hello]
                plugins:
                  - name: request-termination
                    config: { status_code: 200, message: "hello from meshgate" }
        """
}
