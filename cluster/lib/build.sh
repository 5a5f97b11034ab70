# Builds release binaries, with progress. Source this file.

build_release() {
  command -v swift >/dev/null || {
    echo "swift is not on PATH; install Swift 6.2 or later (https://www.swift.org/install)" >&2
    return 78
  }
  echo "building release binaries (a first build takes some minutes)" >&2
  swift build -c release --package-path "$top" --explicit-target-dependency-import-check error "$@" >&2 \
    || return
  binaries=$(swift build -c release --package-path "$top" --show-bin-path)
}

# find_binaries BUILD: sets $binaries, building first when BUILD is not empty. MESHGATE_BINARIES names
# a folder to use instead.
find_binaries() {
  if [ -n "${MESHGATE_BINARIES-}" ]; then
    binaries=$MESHGATE_BINARIES
  elif [ -n "$1" ]; then
    build_release
  else
    binaries=$(swift build -c release --package-path "$top" --show-bin-path)
  fi
}
