/// Reason phrases and Kong's messages by status.
public enum StatusText {
    /// The reason phrase of the status line (RFC 9110 section 15); empty when there is none.
    public static func reason(for status: UInt16) -> StaticString {
        switch status {
        case 100..<200: Self.interimReason(status)
        case 200..<300: Self.successReason(status)
        case 300..<400: Self.redirectionReason(status)
        case 400..<500: Self.clientErrorReason(status)
        default: Self.serverErrorReason(status)
        }
    }

    private static func interimReason(_ status: UInt16) -> StaticString {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 103: "Early Hints"
        default: ""
        }
    }

    private static func successReason(_ status: UInt16) -> StaticString {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 203: "Non-Authoritative Information"
        case 204: "No Content"
        case 205: "Reset Content"
        case 206: "Partial Content"
        default: ""
        }
    }

    private static func redirectionReason(_ status: UInt16) -> StaticString {
        switch status {
        case 300: "Multiple Choices"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        default: ""
        }
    }

    private static func clientErrorReason(_ status: UInt16) -> StaticString {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 407: "Proxy Authentication Required"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 418: "I'm a teapot"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 425: "Too Early"
        case 426: "Upgrade Required"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 451: "Unavailable For Legal Reasons"
        default: ""
        }
    }

    private static func serverErrorReason(_ status: UInt16) -> StaticString {
        switch status {
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 511: "Network Authentication Required"
        default: ""
        }
    }

    /// The message of Kong's own error pages.
    public static func message(for status: UInt16) -> StaticString {
        switch status {
        case 400: "Bad request"
        case 404: "Not found"
        case 405: "Method not allowed"
        case 408: "Request timeout"
        case 411: "Length required"
        case 412: "Precondition failed"
        case 413: "Payload too large"
        case 414: "URI too long"
        case 417: "Expectation failed"
        case 426: "Please use HTTPS protocol"
        case 431: "Request header or cookie too large"
        case 502: "An invalid response was received from the upstream server"
        case 503: "The upstream server is currently unavailable"
        case 504: "The upstream server is timing out"
        default: "An unexpected error occurred"
        }
    }
}
