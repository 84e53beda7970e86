#!/usr/bin/env bash
# Builds the `cairn` that is given away, in the target directory: with the C++ library in it, so
# that a machine needs the C library alone. Fails if it needs more.
#
# GCC's library comes under the GPL with the runtime library exception, which allows that.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}
# What the C library's own package brings along.
allowed='ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 libc.so.6 libm.so.6 libgcc_s.so.1'

# The linker takes the first folder that has a library of the name: this one, which has it only
# as an archive.
archives=$target/archives
archive=$("${CXX##* }" -print-file-name=libstdc++.a 2>/dev/null || g++ -print-file-name=libstdc++.a)
[ -f "$archive" ] || { echo 'the compiler has no libstdc++.a' >&2; exit 1; }
mkdir -p "$archives"
ln -sf "$archive" "$archives/libstdc++.a"

cargo rustc --locked --release -p cairn-provider-cli --bin cairn -- -L "native=$archives"

needed=$(readelf -d "$target/release/cairn" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[ -n "$needed" ] || { echo "$target/release/cairn names no libraries at all" >&2; exit 1; }
for library in $needed; do
    [[ " $allowed " == *" $library "* ]] || { echo "cairn needs $library" >&2; exit 1; }
done
echo "$target/release/cairn needs" $needed
