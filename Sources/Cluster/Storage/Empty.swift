// Placeholder of MeshStorage.
