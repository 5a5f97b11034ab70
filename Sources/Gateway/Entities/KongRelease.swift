/// The release of Kong whose files, answers and fields are taken as the model.
public enum KongRelease {
    /// As programs that parse `Server`, `Via` and Kong's `/` expect it; decK needs a released one.
    public static let version = "3.9.1"
}
