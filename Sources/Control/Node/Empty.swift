// Placeholder of MeshNode.
