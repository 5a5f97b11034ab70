// Placeholder of MeshHealth.
