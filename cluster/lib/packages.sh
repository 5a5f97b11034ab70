# Installs Debian packages that are missing. Source this file.

# What building needs: C libraries behind the Swift code.
build_packages="libssl-dev libnghttp2-dev libsodium-dev libpcre2-dev libc-ares-dev libldap-dev libzstd-dev libyaml-dev libsqlite3-dev pkg-config"
# What the demonstration's scripts call.
demo_packages="curl jq procps nftables"
# What only tests need.
test_packages="bats redis-server slapd"
# What the dashboard is tried in.
dashboard_packages="chromium python3"
# What only benchmarks need: peers and load.
bench_packages="nginx libnginx-mod-stream haproxy wrk nghttp2-client nghttp2-server openssl unzip valgrind python3 python3-cryptography python3-pip"
# What only the outside suites need: tools that try the gateway, and peers on both sides.
suites_packages="$bench_packages $dashboard_packages faketime python3-venv curl sslscan testssl.sh varnish slowhttptest"
# What those of the outside suites need that cluster/test runs.
quick_packages="nghttp2-client openssl python3-venv curl"
# What only the proofs of deploy/ need.
deploy_packages="systemd strace iproute2 nftables openssl debhelper lintian patchelf mandoc help2man debootstrap prometheus prometheus-alertmanager nginx haproxy keepalived buildah faketime shellcheck yamllint python3-venv"
deploy_python="ansible-core ansible-lint kubernetes-validate pyyaml jsonschema"
# Of this one only the schema of compose files: what it depends on cannot be installed any more.
deploy_python_alone="docker-compose==1.29.2"

install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' \
      || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing ${missing[*]}" >&2
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "these Debian packages are missing and need root: ${missing[*]}" >&2
      return 78
    }
    as_root=(sudo)
  fi
  # Services that packages bring must not start: only the scripts here start anything.
  "${as_root[@]}" apt-get update -qq >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}
