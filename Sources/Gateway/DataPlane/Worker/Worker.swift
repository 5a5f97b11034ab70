final class Worker {
    static func run(_ settings: WorkerSettings) {}
}
