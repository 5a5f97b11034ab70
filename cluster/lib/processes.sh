# Starts processes and knows which of them still run. Source this file.
# Every process is remembered as run/<name>.pid: "pid start-time", since pids are reused.

# Prints the kernel's start time of a pid, or nothing. A process that has ended counts as nothing,
# even while nobody has collected it, as in containers whose first process is no init.
start_time() {
  [ -r "/proc/$1/stat" ] || return 0
  # The name in parentheses may hold spaces: cut it off first.
  sed -n 's/^.*) //; /^[ZX]/!p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

# is_running NAME: whether the process remembered under NAME still runs; sets $pid.
is_running() {
  local started
  pid=
  [ -r "$run/$1.pid" ] || return 1
  read -r pid started <"$run/$1.pid"
  [ -n "$pid" ] && [ "$(start_time "$pid")" = "$started" ]
}

# start NAME LOG COMMAND…: starts a command in the background and remembers it.
start() {
  local name=$1 log=$2
  shift 2
  setsid "$@" >>"$log" 2>&1 </dev/null &
  pid=$!
  echo "$pid $(start_time "$pid")" >"$run/$name.pid"
}

# stop NAME SECONDS: ends it by TERM, after SECONDS by KILL.
stop() {
  local name=$1 patience=$2 waited=0
  if is_running "$name"; then
    kill -TERM "$pid" 2>/dev/null
    while is_running "$name" && [ "$waited" -lt $((patience * 10)) ]; do
      sleep 0.1
      waited=$((waited + 1))
    done
    if is_running "$name"; then
      echo "$name (pid $pid) did not stop in $patience s; killing it" >&2
      kill -KILL "$pid" 2>/dev/null
    fi
  fi
  rm -f "$run/$name.pid"
}

# wait_until SECONDS WHAT COMMAND…: runs COMMAND every 100 ms until it succeeds.
wait_until() {
  local patience=$1 what=$2 waited=0
  shift 2
  until "$@" >/dev/null 2>&1; do
    waited=$((waited + 1))
    if [ "$waited" -ge $((patience * 10)) ]; then
      echo "waited $patience s in vain: $what" >&2
      return 75
    fi
    sleep 0.1
  done
}
