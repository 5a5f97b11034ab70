import MeshDataPlane
import MeshHTTP
import MeshTLS

/// Files whose content the data plane is given; read once, at the start.
public struct ProxyFiles: Equatable, Sendable {
    /// `proxy.tls_certificate`: the default certificate's chain, PEM.
    public var certificate: String?
    /// `proxy.tls_key`: its key, PEM; only its owner and group may read it.
    public var key: String?
    /// `proxy.client_ca`: authorities of client certificates, PEM.
    public var clientAuthorities: String?
    /// `proxy.error_template_json`.
    public var errorTemplateJSON: String?
    /// `proxy.error_template_html`.
    public var errorTemplateHTML: String?
    /// `proxy.error_template_xml`.
    public var errorTemplateXML: String?
    /// `proxy.error_template_plain`.
    public var errorTemplatePlain: String?
}

extension ProxySettings {
    /// The data plane's configuration with the content of all files.
    ///
    /// - Parameter read: reads one file by its path.
    /// - Returns: the configuration as settings and files have it together.
    /// - Throws: ``SettingsError`` for the first file that cannot be read or used.
    func loaded(
        reading read: (String) throws(SettingsError) -> String
    ) throws(SettingsError) -> DataPlaneConfiguration {
        var plane = self.dataPlane
        if let certificate = self.files.certificate, let key = self.files.key {
            let text = try Self.certificates("proxy.tls_certificate", certificate, read)
            let pair = CertificateText(certificate: text, key: try read(key))
            guard TLSCertificate.isMatch(certificatePEM: pair.certificate, keyPEM: pair.key) else {
                throw .conflict(
                    field: "proxy.tls_key",
                    value: key,
                    remedy: "it must be the key of proxy.tls_certificate, as PEM, not encrypted"
                )
            }
            plane.tls.defaultCertificate = pair
        }
        if let path = self.files.clientAuthorities {
            plane.tls.clientAuthorities = try Self.certificates("proxy.client_ca", path, read)
        }
        let files = self.files
        plane.errorTemplates[.json] = try Self.template("json", files.errorTemplateJSON, read)
        plane.errorTemplates[.html] = try Self.template("html", files.errorTemplateHTML, read)
        plane.errorTemplates[.xml] = try Self.template("xml", files.errorTemplateXML, read)
        plane.errorTemplates[.plain] = try Self.template("plain", files.errorTemplatePlain, read)
        return plane
    }

    /// The text of a file that must hold certificates.
    private static func certificates(
        _ field: String,
        _ path: String,
        _ read: (String) throws(SettingsError) -> String
    ) throws(SettingsError) -> String {
        let text = try read(path)
        guard TLSCertificate.chain(pem: text) != nil else {
            throw .conflict(
                field: field,
                value: path,
                remedy: "the file must contain one or more certificates as PEM, none damaged"
            )
        }
        return text
    }

    private static func template(
        _ form: String,
        _ path: String?,
        _ read: (String) throws(SettingsError) -> String
    ) throws(SettingsError) -> ErrorTemplate? {
        guard let path else { return nil }
        let text = try read(path)
        do {
            return try ErrorTemplate(text)
        } catch {
            throw .conflict(
                field: "proxy.error_template_\(form)",
                value: path,
                remedy: "the file must contain %s twice, for the message, then for the request's "
                    + "id, %% for every other per cent sign, and at most 16 KiB"
            )
        }
    }
}
