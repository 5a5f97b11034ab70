import MeshEntities
import Testing

/// What is wrong with an entity written as JSON, one text per finding; an id is added.
func complaints<Entity: GatewayEntity>(_ type: Entity.Type, _ json: String) throws -> [String] {
    var findings: [Finding] = []
    _ = Entity.decode(try identified(json), findings: &findings)
    return findings.map { finding in
        let whole = finding.location.steps.last == .field(FieldPath.entityField)
        return "\(whole ? "@entity" : finding.path): \(finding.message)"
    }
}

/// An entity written as JSON that must be right; an id is added.
func entity<Entity: GatewayEntity>(_ type: Entity.Type, _ json: String) throws -> Entity {
    try Entity(decoding: identified(json))
}

/// The document with an id.
func identified(_ json: String) throws -> DocumentNode {
    var node = try JSONText.parse(Array(json.utf8))
    let fields = node.value.fields ?? []
    if !fields.contains(where: { $0.name == "id" }) {
        node.value = .object([DocumentField("id", .string(someID.description))] + fields)
    }
    return node
}

let someID = EntityID(high: 0x1111_2222_3333_4444, low: 0x8555_6666_7777_8888)
let otherID = EntityID(high: 0xAAAA_BBBB_CCCC_4DDD, low: 0x8EEE_FFFF_0000_1111)
