#!/bin/sh
# A stand-in for `conda`, for machines that reach a Python index and no conda channel:
# `conda install` becomes `pip install`, `conda clean` has nothing to clean, anything else is refused.
set -eu

fail() {
  echo "conda (stand-in): $1" >&2
  exit 1
}

[ $# -gt 0 ] || fail "only 'install', 'clean' and '--version' are supported"
verb=$1
shift
case $verb in
clean) exit 0 ;;
--version | -V)
  echo "conda 0.0.0 (stand-in that installs with pip)"
  exit 0
  ;;
install) ;;
*) fail "'$verb' is not supported; only 'install', 'clean' and '--version' are" ;;
esac

specs=
while [ $# -gt 0 ]; do
  case $1 in
  -c | --channel | -n | --name)
    [ $# -gt 1 ] || fail "$1 needs a value"
    shift
    ;;
  -y | --yes | -q | --quiet | --channel=* | --override-channels) ;;
  -*) fail "option $1 is not supported" ;;
  *==* | *'<'* | *'>'*) specs="$specs $1" ;;
  *=*) specs="$specs ${1%%=*}==${1#*=}.*" ;; # one `=` is a prefix match
  *) specs="$specs $1" ;;
  esac
  shift
done
[ -n "$specs" ] || fail "nothing to install"
set -f
# shellcheck disable=SC2086 # one word for each package
exec /opt/conda/bin/python -m pip install --no-cache-dir --disable-pip-version-check $specs
