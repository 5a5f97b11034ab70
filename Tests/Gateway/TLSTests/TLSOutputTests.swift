import Testing

@testable import MeshTLS
