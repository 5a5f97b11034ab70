// Placeholder of MeshEntities.
