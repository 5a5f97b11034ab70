import MeshEntities

/// What is known of one plugin: its name, its place in the order, its settings, and how an instance
/// becomes a step.
///
/// Each plugin has one, in its own folder; ``PluginCatalogue/definitions`` lists them.
struct PluginDefinition: Sendable {
    /// Kong's name of it.
    let name: String
    /// Kong's number: higher ones run first, in every phase.
    let priority: Int
    /// The fields of `config`, checked before ``compile`` is called.
    let fields: [FieldSchema]
    /// Whether it may tell who sends a request.
    var authenticates = false
    /// Whether an instance may be for one consumer or one consumer group only.
    var takesConsumers = true
    /// Whether it may be for streams, beside requests.
    var takesStreams = false
    /// Makes a step of settings whose fields have the right types and ranges; nil when nothing is
    /// to be done on the request path.
    ///
    /// Called once per instance and configuration that changed it, never on a worker.
    let compile: @Sendable (PluginSettings) throws(PluginError) -> PluginStep?
}
