// Placeholder of MeshDataPlane.
