// Placeholder of MeshResolver.
