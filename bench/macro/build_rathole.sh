#!/usr/bin/env bash
# Makes the rathole 0.5.0 that run.py measures beside weir and prints its path:  build_rathole.sh [--no-build]
#
# Built once from the published crate (about five minutes of one core), at low priority, and kept under ~/.cache/weir/reference.
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
# Plain TCP and Noise are all that is compared; its TLS would bring OpenSSL in. The versions that its authors locked are older than
# some compilers accept: then the newest that fit.
: > "$log"
for locked in --locked ''; do
  # shellcheck disable=SC2086
  if nice -n 19 timeout "${WEIR_RATHOLE_BUILD_S:-1800}" "$cargo" install "rathole@$version" $locked --no-default-features \
      --features server,client,noise --root "$build" --target-dir "$build/target" -j 1 >> "$log" 2>&1; then
    cp "$build/bin/rathole" "$binary.tmp" && mv "$binary.tmp" "$binary" || skip "cannot write $binary"
    rm -rf "$build"
    echo "$binary"
    exit 0
  fi
done
tail -n 15 "$log" >&2
skip "rathole does not build (log: $log)"
