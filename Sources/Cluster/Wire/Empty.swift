// Placeholder of MeshWire.
