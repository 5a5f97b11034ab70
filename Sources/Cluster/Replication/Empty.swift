// Placeholder of MeshReplication.
