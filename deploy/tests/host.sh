# A Debian system in a folder, made once, in which packages are installed and systemd runs.
# Source this file.

# Those the package depends on must be there before it is installed: no network in the proofs.
# Python is what Ansible's modules run with.
host_packages=systemd,systemd-sysv,curl,procps,iproute2,libssl3,libsqlite3-0,libsodium23,libnghttp2-14,libpcre2-8-0,libc-ares2,libldap-2.5-0,libzstd1,libyaml-0-2,libstdc++6,python3,python3-apt

# make_host FOLDER: makes it with what a server has, and with what the package depends on.
make_host() {
  local folder=$1 uri suite component lock
  # Two runs at once must not make it twice.
  exec {lock}>"$folder.lock" && flock "$lock"
  [ "$(cat "$folder/made" 2>/dev/null)" = "$host_packages" ] && return
  read -r uri suite component < <(apt-get indextargets \
    --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages')
  echo "making a Debian system in $folder (a minute, once)" >&2
  rm -rf "$folder"
  debootstrap --variant=minbase --components="${component:-main}" --include="$host_packages" \
    "$suite" "$folder" "$uri" >"$folder.log" 2>&1 && echo "$host_packages" >"$folder/made" && return
  tail -n 3 "$folder.log" >&2
  return 1
}
