// Placeholder of MeshAdminClient.
