#!/bin/sh
# bump.sh PACKAGE@VERSION...: changes dependencies of the package in the working directory, so that package.json and
# package-lock.json move together. npm computes both in a copy; no dependency is installed.
set -eu

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

# The state that the copy was made from, for "expect".
seen() {
  [ -e "$1" ] || { printf '"absent"'; return; }
  cp -- "$1" "$stage"
  printf '{"sha256": "%s"}' "$(sha256sum <"$stage/$1" | cut -d ' ' -f 1)"
}
seen_package=$(seen package.json)
seen_lock=$(seen package-lock.json)

npm install --prefix "$stage" --package-lock-only --ignore-scripts --no-audit --no-fund -- "$@"

txcommit apply - <<END
{"version": 1, "message": "npm install", "ops": [
  {"op": "write", "path": "package.json", "source": "$stage/package.json", "format": "json", "expect": $seen_package},
  {"op": "write", "path": "package-lock.json", "source": "$stage/package-lock.json", "format": "json", "expect": $seen_lock}]}
END
