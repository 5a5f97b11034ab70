// Placeholder of MeshMembership.
