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

    /// The first loopback address whose usual ports are free: the nodes of a demonstration, or another
    /// development node, may have those of the first ones.
    ///
    /// When none of 32 is free it is the first, whose error says what is taken.
    static func vacantAddress() -> String {
        let addresses = (1...32).map { "127.0.0.\($0)" }
        return addresses.first(where: Self.isVacant) ?? addresses[0]
    }

    private static func isVacant(_ address: String) -> Bool {
        let listeners = ListenerSet()
        defer { listeners.releaseAll() }
        let settings = Self.settings(directory: "", address: address)
        let endpoints = settings.values.compactMap { Endpoint($0) }
        let places = endpoints.map { ListenPlace.stream($0) } + endpoints.map { .datagrams($0) }
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
        return """

            A mesh of one is ready. Try:
              curl http://\(proxy)/hello                       a route that is there
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
