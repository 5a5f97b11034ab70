/// How a node orders its routes and what they may be written in; Kong's `router_flavor`.
public enum RouterFlavor: String, CaseIterable, Sendable {
    /// Fields only; every path of a route competes by itself. Kong's default.
    case traditionalCompatible = "traditional_compatible"
    /// Fields only, with the precedence of Kong 2.
    case traditional
    /// Expressions, which go before routes that are written in fields.
    case expressions
}
