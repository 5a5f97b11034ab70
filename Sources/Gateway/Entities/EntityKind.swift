/// The collections of a configuration, spelled as in Kong's declarative files and Admin API.
///
/// The order of the cases is an order in which entities can be created: what is referred to comes
/// before what refers to it.
public enum EntityKind: String, CaseIterable, Hashable, Sendable {
    /// Stores of secrets that references name.
    case vaults
    /// Keys that belong together.
    case keySets = "key_sets"
    /// Public keys and pairs.
    case keys
    /// X.509 certificates with their keys.
    case certificates
    /// Certificates of authorities that upstreams' certificates are checked against.
    case caCertificates = "ca_certificates"
    /// Server names, each bound to a certificate.
    case snis
    /// Upstream services.
    case services
    /// Rules that lead requests to services.
    case routes
    /// Virtual hosts that are balanced over targets.
    case upstreams
    /// Addresses behind an upstream.
    case targets
    /// Known clients.
    case consumers
    /// Groups of consumers that plugins treat alike.
    case consumerGroups = "consumer_groups"
    /// Which consumers belong to which group.
    case groupMembers = "consumer_group_consumers"
    /// Keys of consumers.
    case keyCredentials = "keyauth_credentials"
    /// User names and passwords of consumers.
    case basicCredentials = "basicauth_credentials"
    /// Secrets and public keys that consumers' tokens are checked by.
    case jwtSecrets = "jwt_secrets"
    /// Secrets that consumers sign requests with.
    case hmacCredentials = "hmacauth_credentials"
    /// Names in certificates that stand for consumers.
    case certificateCredentials = "mtls_auth_credentials"
    /// Groups that the plugin `acl` lets in or keeps out.
    case aclGroups = "acls"
    /// Plugins with their configuration and scope.
    case plugins

    /// The name of one entity of this kind, as Kong's error answers spell it.
    public var singular: String { String(self.rawValue.dropLast()) }
}
