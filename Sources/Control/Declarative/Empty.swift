// Placeholder of MeshDeclarative.
