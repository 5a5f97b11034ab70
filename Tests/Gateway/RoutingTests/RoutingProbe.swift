import MeshEntities
import MeshPrimitives
import MeshRouting

/// A request as text, asked of a table.
struct RoutingProbe {
    var method = "GET"
    var host = "example.com"
    var path = "/"
    var port: UInt16 = 8000
    /// Server name of the TLS handshake; `nil` for plain HTTP.
    var serverName: String?
    /// Lower-case names and values as sent.
    var headers: [(name: String, value: String)] = []
    /// The query without `?`.
    var query = ""
    var source: Endpoint?
    var destination: Endpoint?

    /// Asks the table with memory of its own.
    func match(_ table: RoutingTable) -> RouteMatch? {
        self.match(table, scratch: RoutingScratch())
    }

    /// Asks the table.
    func match(_ table: RoutingTable, scratch: RoutingScratch) -> RouteMatch? {
        withBytes(self.method) { method in
            withBytes(self.host) { host in
                withBytes(self.path) { path in
                    withBytes(self.serverName ?? "") { serverName in
                        var query =
                            self.serverName == nil
                            ? RouteQuery(method: method, host: host, path: path, port: self.port)
                            : RouteQuery(
                                method: method,
                                host: host,
                                path: path,
                                port: self.port,
                                serverName: serverName
                            )
                        query.source = self.source
                        query.destination = self.destination
                        return withBytes(self.query) { arguments in
                            query.query = arguments
                            return table.match(query, scratch: scratch) { name, test in
                                self.headers.contains { header in
                                    header.name.utf8.elementsEqual(name)
                                        && withBytes(header.value, test)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Lends the bytes of a text.
func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    Array(text.utf8).withUnsafeBytes(body)
}

/// An identity that sorts by `number`.
func routeID(_ number: Int) -> EntityID { EntityID(high: UInt64(number), low: 0) }
