#!/bin/sh
# What is not a command is taken as arguments of node, as in the node images.
set -e
case ${1-} in
-*) set -- node "$@" ;;
*)
  if [ -n "${1-}" ] && ! command -v "$1" >/dev/null 2>&1; then
    set -- node "$@"
  fi
  ;;
esac
exec "$@"
