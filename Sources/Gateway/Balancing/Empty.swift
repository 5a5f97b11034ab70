// Placeholder of MeshBalancing.
