internal import Glibc

/// Called by libFuzzer with every input; the target is named by the environment.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    chosenTarget(UnsafeRawBufferPointer(start: start, count: count))
    return 0
}

private let chosenTarget: @Sendable (UnsafeRawBufferPointer) -> Void = {
    guard let name = getenv("FUZZ_TARGET").map({ String(cString: $0) }) else {
        fatalError("set FUZZ_TARGET")
    }
    if name == "request-path" { return { PathFuzz.requestPath($0) } }
    guard let target = HTTPFuzz.targets[name] else { fatalError("no fuzz target is named \(name)") }
    return target
}()
