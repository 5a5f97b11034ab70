// Placeholder of MeshHTTP.
