#!/usr/bin/env bash
# Unpacks the archive of a release, compares each file with its hash, and uses the program where
# there is nothing but the C library.
#
#   scripts/test-tarball.sh FILE.tar.gz
set -euo pipefail

archive=$(realpath "${1:?name the archive, as in scripts/test-tarball.sh cairn.tar.gz}")
# Debian 12, Ubuntu 24.04 and RHEL 10 have it, and what came later.
glibc=2.36
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "test-tarball: $*" >&2
    exit 1
}

tar -xzf "$archive" -C "$work"
tree=$(echo "$work"/cairn-*)
cd "$tree"
sha256sum --quiet --check SHA256SUMS || fail 'a file differs from its hash'
[ "$(find . -type f | wc -l)" -eq $(($(wc -l <SHA256SUMS) + 1)) ] || fail 'a file has no hash'

newest=$(objdump -T bin/cairn | grep -oE 'GLIBC_[0-9.]+' | cut -d_ -f2 | sort -uV | tail -1)
[ "$(printf '%s\n' "$newest" "$glibc" | sort -V | tail -1)" = "$glibc" ] ||
    fail "it needs glibc $newest"

# A root with the libraries that it names, and no other file of this machine.
root=$work/root
install -D bin/cairn "$root/cairn"
ldd bin/cairn | grep -oE '/[^ ]+' | while read -r library; do
    install -D "$(realpath "$library")" "$root$library"
done
[ "$(find "$root" -type f | wc -l)" -le 5 ] || fail "it needs more than the C library: $(ldd bin/cairn)"
alone() { unshare --map-root-user --root="$root" /cairn --base-path /data "$@"; }
alone key generate >/dev/null
alone bucket create 1 >/dev/null
cp LICENSE "$root/content"
alone put 1 /content >/dev/null
alone fsck 1 >/dev/null
[ "$(alone --version)" = "cairn $(basename "$tree" | cut -d- -f2)" ] || fail 'it has another version'
echo "$(basename "$archive") holds: $(wc -l <SHA256SUMS) files, glibc $newest or later"
