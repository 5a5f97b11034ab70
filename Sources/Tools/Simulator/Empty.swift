// Placeholder of MeshSimulator.
