#!/usr/bin/env bash
# Packs the program that scripts/release-binary.sh has built, for machines without dpkg, with its
# files, its documents, a list of its crates, and the hash of each file. The same program gives the
# same archive, byte for byte.
#
#   scripts/tarball.sh FOLDER
set -euo pipefail

folder=$(realpath -m "${1:?name a folder for the archive, as in scripts/tarball.sh dist}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' Cargo.toml)
name=cairn-$version-$(uname -m)-linux-gnu
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name
install -D -m 755 "$target/release/cairn" "$tree/bin/cairn"
install -D -m 644 -t "$tree/etc" packaging/cairn.toml
install -D -m 644 -t "$tree/systemd" packaging/cairn.{service,sysusers,tmpfiles}
install -D -m 644 -t "$tree/docs" CHANGELOG.md docs/{operating,security,chains,glossary}.md
install -D -m 644 -t "$tree" LICENSE
scripts/sbom.sh "$tree/cairn.cdx.json"
(cd "$tree" && find . -type f ! -name SHA256SUMS -printf '%P\0' | LC_ALL=C sort -z |
    xargs -0 sha256sum >"$work/sums" && install -m 644 "$work/sums" SHA256SUMS)

mkdir -p "$folder"
tar --create --directory "$work" --format=gnu --sort=name --mtime="@$time" --owner=0 --group=0 \
    --numeric-owner --mode=go-w "$name" | gzip -n9 >"$folder/$name.tar.gz"
cp "$tree/cairn.cdx.json" "$folder/$name.cdx.json"
echo "$folder/$name.tar.gz"
