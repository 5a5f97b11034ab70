// Placeholder of MeshTransport.
