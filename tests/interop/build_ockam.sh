#!/usr/bin/env bash
# Makes the real `ockam` 0.150.0 that the interop tests talk to and prints its path:  build_ockam.sh
#
# Built once from the published crate (10 to 15 minutes on two cores, 4 GB of disk) and kept under ~/.cache/weir/reference.
# Where it cannot be built: one line 'skipped: why' on stdout and exit code 77, which ctest reports as skipped.
#
# The crate as published no longer builds, for three reasons that have nothing to do with what it does:
#   1. a dependency was yanked, so only the Cargo.lock inside the crate resolves   -> build the unpacked crate, --locked where it holds
#   2. size-of 0.1.5 names calling conventions that rustc now refuses on x86-64    -> a patched copy without those lines
#   3. the default recursion limit is too low for its types                        -> a crate attribute in each root
set -uo pipefail

version=0.150.0
if [ -n "${OCKAM_BIN:-}" ]; then [ -x "$OCKAM_BIN" ] && { echo "$OCKAM_BIN"; exit 0; }; fi
cache=${WEIR_REFERENCE_CACHE:-${HOME:-/nonexistent}/.cache/weir/reference}
binary=$cache/ockam-$version
skip() { echo "skipped: $*"; exit 77; }

[ -x "$binary" ] && { echo "$binary"; exit 0; }
[ "${1:-}" = --no-build ] && skip "the real ockam is not built; tests/interop/build_ockam.sh builds it"
mkdir -p "$cache" 2> /dev/null || skip "no place for the real ockam: cannot make $cache"

# One builder at a time; whoever waited finds the result.
exec 9> "$cache/lock"
flock 9
[ -x "$binary" ] && { echo "$binary"; exit 0; }

new_enough() { "$1" --version 2> /dev/null | awk '{split($2, v, "."); exit !(v[1] > 1 || v[2] >= 82)}'; }
cargo=''
for candidate in cargo "$HOME/.cargo/bin/cargo" /usr/bin/cargo; do
  if new_enough "$candidate"; then cargo=$candidate; break; fi
done
[ -n "$cargo" ] || skip "no cargo >= 1.82 for the real ockam (Debian 12: cargo-web and rustc-web)"
command -v cc > /dev/null || skip "no C compiler for the real ockam"
free_kb=$(df -Pk "$cache" | awk 'NR == 2 {print $4}')
[ "$free_kb" -ge 4500000 ] || skip "the real ockam needs 4.5 GB in $cache, $((free_kb / 1000)) MB are free"

log=$cache/build.log
build=$cache/build
fail() { tail -n 15 "$log" >&2; skip "$1 (log: $log)"; }

# Asking for a crate's description downloads and unpacks it into cargo's own cache: no other tool than cargo is needed.
mkdir -p "$build"
: > "$log"
for crate in "ockam_command@$version" size-of@0.1.5; do
  (cd "$build" && timeout 300 "$cargo" info --quiet "$crate") > /dev/null 2>> "$log" || fail "cannot fetch $crate"
done
unpacked() { find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -mindepth 2 -maxdepth 2 -type d -name "$1" | head -n 1; }
command_source=$(unpacked "ockam_command-$version")
size_of_source=$(unpacked size-of-0.1.5)
[ -n "$command_source" ] && [ -n "$size_of_source" ] || fail "cargo did not unpack the crates"
rm -rf "$build/command" "$build/size-of"
cp -r "$command_source" "$build/command"
cp -r "$size_of_source" "$build/size-of"

for convention in aapcs stdcall fastcall; do
  sed -i "/^[[:space:]]*\"$convention\",\$/d" "$build/size-of/src/core_impls.rs"
done
for root in "$build"/command/src/lib.rs "$build"/command/src/bin/*.rs; do
  { echo '#![recursion_limit = "1024"]'; cat "$root"; } > "$root.new" && mv "$root.new" "$root"
done
cat >> "$build/command/Cargo.toml" << 'TOML'

[patch.crates-io]
size-of = { path = "../size-of" }
TOML

echo "building the real ockam $version (10 to 15 minutes, once)" >&2
(cd "$build/command" && timeout "${WEIR_OCKAM_BUILD_S:-2700}" \
  "$cargo" build --release --no-default-features --features rust-crypto) >> "$log" 2>&1 || fail "the real ockam does not build"
cp "$build/command/target/release/ockam" "$binary.tmp" && mv "$binary.tmp" "$binary" || fail "cannot write $binary"
rm -rf "$build"
echo "$binary"
