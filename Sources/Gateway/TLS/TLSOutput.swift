/// Records on their way out, gathered so that all of one write leave in one send.
public final class TLSOutput {
    /// Creates an empty output.
    public init() {}
}
