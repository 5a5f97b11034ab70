/// The files of the dashboard, which are part of the program.
public struct DashboardPage: Sendable {
    /// The file's bytes.
    public let bytes: [UInt8]
    /// Its media type.
    public let contentType: String

    /// Nothing but what this node serves is loaded, and no other page shows this one.
    public static let policy =
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

    /// The page itself, at `/mesh/ui`.
    public static var index: DashboardPage {
        DashboardPage(bytes: PackageResources.index_html, contentType: "text/html; charset=utf-8")
    }

    /// The file with this name that belongs to the page; `nil` when none does.
    public static func file(_ name: String) -> DashboardPage? {
        switch name {
        case "app.css": .style(PackageResources.app_css)
        case "app.js": .script(PackageResources.app_js)
        case "charts.js": .script(PackageResources.charts_js)
        case "dom.js": .script(PackageResources.dom_js)
        case "feed.js": .script(PackageResources.feed_js)
        case "model.js": .script(PackageResources.model_js)
        case "mesh-views.js": .script(PackageResources.mesh_views_js)
        case "traffic-views.js": .script(PackageResources.traffic_views_js)
        case "change-views.js": .script(PackageResources.change_views_js)
        case "icon.svg":
            DashboardPage(bytes: PackageResources.icon_svg, contentType: "image/svg+xml")
        default: nil
        }
    }

    private static func script(_ bytes: [UInt8]) -> DashboardPage {
        DashboardPage(bytes: bytes, contentType: "text/javascript; charset=utf-8")
    }

    private static func style(_ bytes: [UInt8]) -> DashboardPage {
        DashboardPage(bytes: bytes, contentType: "text/css; charset=utf-8")
    }
}
