// Placeholder of MeshReports.
