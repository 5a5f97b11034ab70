// Placeholder of MeshPlugins.
