/// One meshecho.
@LoopbackActor
final class TestUpstream {
    let name: String
    let region: String
    let place: Place
    private let directory: String
    private(set) var process: MeshProcess?

    init(_ name: String, region: String, address: String, directory: String) throws {
        self.name = name
        self.region = region
        self.place = Place(address: address, port: try FreePorts.draw(1, at: address)[0])
        self.directory = directory
    }

    /// Starts it, if it does not run.
    func start() throws {
        guard self.process?.isRunning != true else { return }
        self.process = try MeshProcess(
            self.name,
            executable: Binaries.meshecho,
            arguments: [
                "--listen", self.place.description, "--name", self.name, "--region", self.region,
            ],
            log: "\(self.directory)/\(self.name).log"
        )
    }

    /// Waits until it answers; no fault that is set keeps it from that.
    func awaitAnswer() throws {
        try eventually("\(self.name) should answer") {
            try Curl.get("\(self.place.url)/_echo").status == 200
        }
    }

    func kill() { self.process?.kill() }

    /// Makes it fail, or work again.
    func set(_ faults: String) throws {
        let answer = try Curl.post("\(self.place.url)/_echo", faults)
        guard answer.status == 200 else { throw TestFailure(answer.body) }
    }

    /// Requests that have arrived, health checks aside.
    func requestCount() throws -> Int {
        let report = try Curl.get("\(self.place.url)/_echo").json()
        return Int(report["counters"]["requests"].number ?? 0)
    }
}
