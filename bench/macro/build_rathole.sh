#!/usr/bin/env bash
# Makes the rathole 0.5.0 that run.py measures beside weir and prints its path:  build_rathole.sh [--no-build]
#
# Built once from the published crate (five to ten minutes of one core that is free), at low priority, and kept under ~/.cache/weir/reference.
# Where it cannot be built: one line 'skipped: why' on stdout and exit code 77. RATHOLE_BIN names another one.
set -uo pipefail

version=0.5.0
if [ -n "${RATHOLE_BIN:-}" ] && [ -x "$RATHOLE_BIN" ]; then echo "$RATHOLE_BIN"; exit 0; fi
cache=${WEIR_REFERENCE_CACHE:-${HOME:-/nonexistent}/.cache/weir/reference}
binary=$cache/rathole-$version
skip() { echo "skipped: $*"; exit 77; }

[ -x "$binary" ] && { echo "$binary"; exit 0; }
[ "${1:-}" = --no-build ] && skip "rathole is not built; bench/macro/build_rathole.sh builds it"
mkdir -p "$cache" 2> /dev/null || skip "no place for rathole: cannot make $cache"
exec 9> "$cache/rathole.lock"           # one builder at a time; whoever waited finds the result
flock 9
[ -x "$binary" ] && { echo "$binary"; exit 0; }

cargo=$(command -v cargo || true)
[ -n "$cargo" ] || cargo=$HOME/.cargo/bin/cargo
[ -x "$cargo" ] || skip "no cargo for rathole"
command -v cc > /dev/null || skip "no C compiler for rathole"

log=$cache/rathole.log
build=$cache/build-rathole
# Plain TCP and Noise are all that is compared; its TLS would bring OpenSSL in. Not --locked: of the versions that its authors locked,
# one (time) does not pass today's compilers. A build that was cut short goes on where it was.
if nice -n 19 timeout "${WEIR_RATHOLE_BUILD_S:-3600}" "$cargo" install "rathole@$version" --no-default-features \
    --features server,client,noise --root "$build" --target-dir "$build/target" -j 1 > "$log" 2>&1; then
  cp "$build/bin/rathole" "$binary.tmp" && mv "$binary.tmp" "$binary" || skip "cannot write $binary"
  rm -rf "$build"
  echo "$binary"
  exit 0
fi
tail -n 15 "$log" >&2
skip "rathole does not build, or not in time (log: $log)"
