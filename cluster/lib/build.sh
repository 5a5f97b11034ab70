# Builds release binaries, with progress. Source this file.

build_release() {
  command -v swift >/dev/null || {
    echo "swift is not on PATH; install Swift 6.2 or later (https://www.swift.org/install)" >&2
    return 78
  }
  echo "building release binaries (a first build takes some minutes)" >&2
  swift build -c release --package-path "$top" --explicit-target-dependency-import-check error "$@" >&2
  binaries=$(swift build -c release --package-path "$top" --show-bin-path)
}
