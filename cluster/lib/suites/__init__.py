"""Outside suites: independent peers and tools against a gateway on loopback."""
