// Placeholder of MeshRouting.
