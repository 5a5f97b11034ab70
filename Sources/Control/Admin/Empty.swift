// Placeholder of MeshAdmin.
