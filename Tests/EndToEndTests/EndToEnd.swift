import Testing

/// Real processes on loopback, judged by curl and `meshctl`: what a user gets, sentence by sentence.
///
/// The suites run one after the other, since each brings its own mesh.
@Suite("A mesh of processes", .serialized)
enum EndToEnd {}
