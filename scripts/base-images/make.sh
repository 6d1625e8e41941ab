#!/bin/sh
# Makes sure that base images are in the container engine, under their real names.
#
# Each one is pulled if its registry can be reached. If not, a stand-in is made from packages (Debian's archive, PyPI,
# npm, pyenv): it has the same name, paths, PATH and default command, and the label dev.boxkite.stand-in with the hash
# of its recipe, so that it is built once and rebuilt only when the recipe changes.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
label=dev.boxkite.stand-in
default_images='docker.io/library/python:3.11-slim docker.io/library/python:3.10-slim'
all_images="docker.io/library/debian:12-slim $default_images docker.io/continuumio/miniconda3:latest
ghcr.io/flyteorg/flyte:py3.11-v2.12.1 ghcr.io/astral-sh/uv:0.13.4
docker.io/library/node:24-slim docker.io/library/node:26-slim"

usage() {
  cat <<'USAGE'
usage: scripts/base-images/make.sh [--engine COMMAND] [--no-pull] [--all | IMAGE…]

Without IMAGE: python:3.11-slim and python:3.10-slim. --all: every image that the examples and tests use.
IMAGE is one of these (docker.io/ and docker.io/library/ may be left out; other versions of the same images work too):
USAGE
  # shellcheck disable=SC2086 # one line for each
  printf '  %s\n' $all_images
  cat <<'USAGE'

--engine COMMAND  podman or docker, possibly with options; the default is $BOXKITE_ENGINE, then podman, then docker
--no-pull         make stand-ins without trying to pull
USAGE
}

say() { printf '  %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# ── arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────
case ${BOXKITE_ENGINE:-} in podman* | docker*) engine=$BOXKITE_ENGINE ;; *) engine= ;; esac
pull=yes
images=
while [ $# -gt 0 ]; do
  case $1 in
  --engine)
    [ $# -gt 1 ] || fail "--engine needs a value"
    engine=$2
    shift
    ;;
  --no-pull) pull=no ;;
  --all) images=$all_images ;;
  -h | --help)
    usage
    exit 0
    ;;
  -*)
    usage >&2
    exit 2
    ;;
  *) images="$images $1" ;;
  esac
  shift
done
[ -n "$images" ] || images=$default_images

if [ -z "$engine" ]; then
  if command -v podman >/dev/null 2>&1; then
    engine=podman
  elif command -v docker >/dev/null 2>&1; then
    engine=docker
  else
    fail "no container engine: install podman (apt-get install podman) or docker"
  fi
fi
# shellcheck disable=SC2086 # the engine may carry options
run_engine() { $engine "$@"; }
run_engine version >/dev/null 2>&1 || fail "'$engine version' fails: is the container engine running? Try: $engine version"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/boxkite/base-images
mkdir -p "$cache/logs"
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Two of these at a time would make the same images twice.
exec 9>"$cache/lock"
if command -v flock >/dev/null 2>&1 && ! flock --nonblock 9; then
  say "waiting for another scripts/base-images/make.sh to end"
  flock 9
fi

ca_bundle=/etc/ssl/certs/ca-certificates.crt
[ -r "$ca_bundle" ] || ca_bundle=/dev/null

# ── helpers ──────────────────────────────────────────────────────────────────────────────────────────────────────────
# hash_of FILE… -- WORD…: a short hash of the files' contents and the words.
hash_of() {
  {
    while [ "$1" != -- ]; do
      cat "$1"
      shift
    done
    printf '\n%s' "$@"
  } | sha256sum | cut -c1-12
}

# standin_label IMAGE: the recipe hash of a stand-in, "pulled" for an image without it; fails when there is no image.
standin_label() {
  found=$(run_engine image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null) || return 1
  case $found in '' | '<no value>') echo pulled ;; *) echo "$found" ;; esac
}

new_context() {
  [ -z "$work" ] || rm -rf "$work"
  work=$(mktemp -d "$cache/context.XXXXXX")
}

build_flags=
build_flags_known=
# Some engines cannot start a container for RUN (nested in another container, an old kernel): chroot isolation needs none.
find_build_flags() {
  [ -z "$build_flags_known" ] || return 0
  build_flags_known=yes
  case $engine in *podman*) ;; *) return 0 ;; esac
  probe=$(mktemp -d "$cache/context.XXXXXX")
  printf 'FROM %s\nRUN true\n' "$1" >"$probe/Containerfile"
  if ! run_engine build --quiet --no-cache "$probe" >"$probe/out" 2>&1; then
    build_flags='--isolation chroot'
  else
    run_engine rmi "$(tail -n 1 "$probe/out")" >/dev/null 2>&1 || true
  fi
  rm -rf "$probe"
}

# build TAG HASH RECIPE [NAME=VALUE…]: builds the recipe with $work as its context.
build() {
  tag=$1 hash=$2 recipe=$3
  shift 3
  for pair in "$@"; do
    set -- "$@" --build-arg "$pair"
    shift
  done
  log=$cache/logs/$(printf '%s' "$tag" | tr '/:' '__').log
  cp "$here/Containerfile.$recipe" "$work/Containerfile"
  # shellcheck disable=SC2086 # none, or several words
  if ! run_engine build $build_flags "$@" --label "$label=$hash" --tag "$tag" --file "$work/Containerfile" "$work" \
    >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    fail "the stand-in for $tag could not be built; the whole log is in $log"
  fi
}

# ── root file systems ────────────────────────────────────────────────────────────────────────────────────────────────
# The libraries that a copied CPython is linked with.
python_libraries=libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,libsqlite3-0,libssl3,libuuid1,zlib1g

# suite_hash SUITE
suite_hash() { hash_of "$here/Containerfile.debian" "$ca_bundle" -- "$1" "$python_libraries" 4; }

ubuntu_keyring=${BOXKITE_UBUNTU_KEYRING:-/usr/share/keyrings/ubuntu-archive-keyring.gpg}

# make_rootfs SUITE: makes localhost/boxkite-stand-in:SUITE.
make_rootfs() {
  suite=$1
  rootfs_hash=$(suite_hash "$suite")
  root_image=localhost/boxkite-stand-in:$suite
  if [ "$(standin_label "$root_image" || true)" = "$rootfs_hash" ]; then
    find_build_flags "$root_image"
    return 0
  fi
  tarball=$cache/rootfs-$suite-$rootfs_hash.tar
  if [ ! -f "$tarball" ]; then
    command -v mmdebstrap >/dev/null 2>&1 ||
      fail "a stand-in needs mmdebstrap to make a root file system. Type: apt-get install mmdebstrap"
    include=apt,ca-certificates,netbase,passwd,tzdata
    [ "$suite" != bookworm ] || include=$include,$python_libraries
    set -- --format=tar --variant=minbase --include="$include" \
      --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-include=/usr/share/doc/*/copyright'
    case $suite in
    jammy | noble) set -- "$@" --components=main,universe --keyring="$ubuntu_keyring" ;;
    esac
    proxy=
    if command -v apt-config >/dev/null 2>&1; then
      eval "$(apt-config shell proxy Acquire::http::Proxy)"
    fi
    [ -z "$proxy" ] || set -- "$@" --aptopt="Acquire::http::Proxy \"$proxy\""
    log=$cache/logs/rootfs-$suite.log
    rm -f "$cache/rootfs-$suite-"*
    if ! mmdebstrap "$@" "$suite" "$tarball.part" >"$log" 2>&1; then
      rm -f "$tarball.part"
      tail -n 20 "$log" >&2
      fail "no root file system of $suite: mmdebstrap failed; the whole log is in $log"
    fi
    mv "$tarball.part" "$tarball"
    say "root file system of $suite made with mmdebstrap"
  fi
  new_context
  ln "$tarball" "$work/rootfs.tar" 2>/dev/null || cp "$tarball" "$work/rootfs.tar"
  cat "$ca_bundle" >"$work/ca-certificates.crt"
  build "$root_image" "$rootfs_hash" debian
  find_build_flags "$root_image"
}

# ── Python ───────────────────────────────────────────────────────────────────────────────────────────────────────────
# shellcheck source=/dev/null
codename=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}") || codename=

# find_python MINOR: sets python_from, python_version, python_dir, python_suite; fails with python_missing set.
find_python() {
  python_from='' python_version='' python_dir='' python_suite='' python_missing=''
  if [ "$codename" = bookworm ] && [ "${BOXKITE_STAND_IN_PYTHON:-pyenv}" = pyenv ]; then
    for dir in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*; do
      case ${dir##*/} in *[!0-9.]*) continue ;; esac
      [ -x "$dir/bin/python$1" ] || continue
      python_from=pyenv python_version=${dir##*/} python_dir=$dir python_suite=bookworm
    done
    [ -z "$python_from" ] || return 0
  fi
  case $1 in
  3.10) python_suite=jammy ;;
  3.11) python_suite=bookworm ;;
  3.12) python_suite=noble ;;
  3.13) python_suite=trixie ;;
  *)
    python_missing="no package of Python $1 is known, and there is none under ~/.pyenv"
    return 1
    ;;
  esac
  case $python_suite in
  jammy | noble)
    if [ ! -r "$ubuntu_keyring" ]; then
      python_missing="Python $1 comes from Ubuntu $python_suite, whose archive key is not on this machine: \
install the package ubuntu-keyring, or set BOXKITE_UBUNTU_KEYRING to the file, or install Python $1 with pyenv"
      return 1
    fi
    ;;
  esac
  python_from=package
}

# pip brings its own certificates and uv too; both are told to use the system's, where the host's bundle is. Wheels that a
# test or a user puts into /opt/wheels are found without an index.
pip_conf='[global]
cert = /etc/ssl/certs/ca-certificates.crt
find-links = /opt/wheels
disable-pip-version-check = true
root-user-action = ignore'
uv_toml='native-tls = true
find-links = ["/opt/wheels"]'
write_python_settings() {
  printf '%s\n' "$pip_conf" >"$work/pip.conf"
  printf '%s\n' "$uv_toml" >"$work/uv.toml"
}

python_hash() {
  hash_of "$here/Containerfile.python-copied" "$here/Containerfile.python-packaged" -- \
    "$(suite_hash "$python_suite")" "$pip_conf" "$uv_toml" "$python_from" "$python_version" "$1"
}

# make_python MINOR TAG HASH PREFIX, of what find_python found
make_python() {
  make_rootfs "$python_suite"
  new_context
  write_python_settings
  if [ "$python_from" = pyenv ]; then
    mkdir -p "$work/root$4"
    (
      cd "$python_dir"
      tar -cf - --exclude=site-packages --exclude='test' --exclude='*.a' --exclude=idle_test --exclude=tests \
        "bin/python$1" include lib
    ) | tar -C "$work/root$4" -xf -
    mkdir "$work/root$4/lib/python$1/site-packages"
    build "$2" "$3" python-copied "BASE=localhost/boxkite-stand-in:$python_suite" \
      "PREFIX=$4" "VERSION=$python_version"
    made_from="pyenv's CPython $python_version on Debian $python_suite"
  else
    build "$2" "$3" python-packaged "BASE=localhost/boxkite-stand-in:$python_suite" "MINOR=$1"
    python_version=$(sed -n 's/.*boxkite-python=\([0-9][0-9.]*\).*/\1/p' "$log" | tail -n 1)
    if [ -n "$python_version" ]; then
      printf 'FROM %s\nENV PYTHON_VERSION=%s\n' "$2" "$python_version" >"$work/Containerfile.version"
      # shellcheck disable=SC2086 # none, or several words
      run_engine build $build_flags --tag "$2" --file "$work/Containerfile.version" "$work" >>"$log" 2>&1 ||
        fail "PYTHON_VERSION could not be set in $2; see $log"
    fi
    made_from="the package python$1 of $python_suite"
  fi
}

# ── the other images ─────────────────────────────────────────────────────────────────────────────────────────────────
make_uv() { # VERSION TAG HASH
  new_context
  # The musl wheel: its programs are static, so they run in an image that holds nothing else.
  if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --platform "musllinux_1_1_$(uname -m)" --dest "$work" "uv==$1" >"$work/pip.log" 2>&1; then
    tail -n 5 "$work/pip.log" >&2
    fail "pip could not download uv==$1"
  fi
  (cd "$work" && python3 -m zipfile -e uv-*.whl unpacked && mv unpacked/uv-*.data/scripts/uv* . && chmod 755 uv uvx)
  rm -rf "$work/unpacked" "$work"/uv-*.whl
  build "$2" "$3" uv
  made_from="the wheel of uv $1"
}

make_node() { # MAJOR TAG HASH
  command -v npm >/dev/null 2>&1 || fail "the stand-in for $2 needs npm to fetch the node binary. Type: apt-get install npm"
  make_rootfs bookworm
  new_context
  if ! (cd "$work" && npm install --no-audit --no-fund --loglevel=error --prefix "$work/packages" "node@$1" npm@11 9>&-) \
    >"$work/npm.log" 2>&1; then
    tail -n 5 "$work/npm.log" >&2
    fail "npm could not install node@$1"
  fi
  mv "$work/packages/node_modules/npm" "$work/npm"
  cp -L "$work/packages/node_modules/node/bin/node" "$work/node"
  cp "$here/node-entrypoint.sh" "$work/"
  node_version=$("$work/node" --version)
  build "$2" "$3" node "BASE=localhost/boxkite-stand-in:bookworm" "VERSION=${node_version#v}"
  made_from="the npm package node ${node_version#v} on Debian bookworm"
}

# ── one image ────────────────────────────────────────────────────────────────────────────────────────────────────────
# full_name IMAGE: with its registry and tag.
full_name() {
  case $1 in
  */*/*) set -- "$1" ;;
  */*) set -- "docker.io/$1" ;;
  *) set -- "docker.io/library/$1" ;;
  esac
  case ${1##*/} in
  *:*) echo "$1" ;;
  *) echo "$1:latest" ;;
  esac
}

# standin_hash IMAGE: sets wanted to the recipe's hash; fails with $missing set when no stand-in is possible.
standin_hash() {
  missing='' wanted=''
  case $1 in
  docker.io/library/debian:12-slim | docker.io/library/debian:bookworm-slim) wanted=$(suite_hash bookworm) ;;
  docker.io/library/python:3.*-slim | docker.io/library/python:3.*-slim-bookworm)
    minor=${1#*:}
    minor=${minor%%-*}
    find_python "$minor" || {
      missing=$python_missing
      return 1
    }
    wanted=$(python_hash /usr/local)
    ;;
  docker.io/continuumio/miniconda3:*)
    # 3.11, as the client's Python is in the examples: the SDK's image builder wants the same one in the base.
    minor=3.11
    find_python "$minor" || {
      missing=$python_missing
      return 1
    }
    wanted=$(hash_of "$here/Containerfile.miniconda" "$here/conda.sh" -- "$(python_hash /opt/conda)")
    ;;
  ghcr.io/flyteorg/flyte:py3.*-v*)
    minor=${1#*:py}
    flyte=${minor#*-v}
    minor=${minor%%-*}
    find_python "$minor" || {
      missing=$python_missing
      return 1
    }
    wanted=$(hash_of "$here/Containerfile.flyte" -- "$(python_hash /usr/local)" "$flyte")
    ;;
  ghcr.io/astral-sh/uv:[0-9]*) wanted=$(hash_of "$here/Containerfile.uv" -- "$1" musl) ;;
  docker.io/library/node:[0-9]*-slim)
    node_major=${1#*:}
    node_major=${node_major%%-*}
    wanted=$(hash_of "$here/Containerfile.node" "$here/node-entrypoint.sh" -- "$(suite_hash bookworm)" "$node_major")
    ;;
  *)
    missing="there is no recipe for a stand-in of $1"
    return 1
    ;;
  esac
}

make_standin() { # IMAGE HASH
  case $1 in
  docker.io/library/debian:*)
    make_rootfs bookworm
    run_engine tag localhost/boxkite-stand-in:bookworm "$1"
    made_from='Debian bookworm by mmdebstrap'
    ;;
  docker.io/library/python:*) make_python "$minor" "$1" "$2" /usr/local ;;
  docker.io/continuumio/miniconda3:*)
    # A packaged Python cannot be moved to /opt/conda; the recipe makes a virtual environment there instead.
    make_python "$minor" localhost/boxkite-stand-in:conda-python "$2" /opt/conda
    new_context
    cp "$here/conda.sh" "$work/"
    build "$1" "$2" miniconda BASE=localhost/boxkite-stand-in:conda-python
    ;;
  ghcr.io/flyteorg/flyte:*)
    ensure_image "docker.io/library/python:$minor-slim"
    new_context
    build "$1" "$2" flyte "BASE=docker.io/library/python:$minor-slim" "FLYTE=$flyte"
    made_from="flyte $flyte from PyPI"
    ;;
  ghcr.io/astral-sh/uv:*) make_uv "${1#*:}" "$1" "$2" ;;
  docker.io/library/node:*) make_node "$node_major" "$1" "$2" ;;
  esac
}

unreachable=' '

# try_pull IMAGE: fails with $pull_failure set.
try_pull() {
  host=${1%%/*}
  pull_failure='not tried'
  [ "$pull" = yes ] || return 1
  pull_failure="$host could not be reached"
  case $unreachable in *" $host "*) return 1 ;; esac
  log=$cache/logs/pull.log
  # The manifest first: it is small, so a short limit tells a dead registry from a slow download.
  # shellcheck disable=SC2086 # the engine may carry options
  if timeout 20 $engine manifest inspect "$1" >"$log" 2>&1; then
    say "pulling $1"
    # shellcheck disable=SC2086 # the engine may carry options
    timeout 1800 $engine pull "$1" >"$log" 2>&1 && return 0
    pull_failure="its download failed"
    return 1
  fi
  if grep -qiE 'manifest unknown|not found|unauthorized|denied' "$log"; then
    pull_failure="$host does not have it"
  else
    unreachable="$unreachable$host "
  fi
  return 1
}

# ensure_image IMAGE: IMAGE with its registry. It can be called again from below, so what it must remember is in $2….
ensure_image() {
  set -- "$1" "$(date +%s)"
  standin_hash "$1" || true
  set -- "$@" "$wanted"
  have=$(standin_label "$1") || have=
  if [ "$have" = pulled ]; then
    say "$1: present"
    return 0
  fi
  if [ -n "$have" ] && [ "$have" = "$wanted" ]; then
    say "$1: present (a stand-in, $have)"
    return 0
  fi
  if try_pull "$1"; then
    say "$1: pulled, $(($(date +%s) - $2)) s"
    return 0
  fi
  [ -n "$wanted" ] || fail "$1: $pull_failure, and no stand-in can be made: $missing"
  set -- "$@" "$pull_failure"
  make_standin "$1" "$3"
  say "$1: STAND-IN $3 from $made_from, $(($(date +%s) - $2)) s ($4)"
}

for image in $images; do
  ensure_image "$(full_name "$image")"
done
