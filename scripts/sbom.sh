#!/usr/bin/env bash
# Writes the list of the crates in the `cairn` binary, with versions and licences, in the format of
# CycloneDX. Fails if a crate that is linked is not in it.
#
#   scripts/sbom.sh FILE
set -euo pipefail

file=$(realpath -m "${1:?name the file, as in scripts/sbom.sh cairn.cdx.json}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v cargo-cyclonedx >/dev/null || { echo "there is no cargo-cyclonedx: make package-tools" >&2; exit 1; }
triple=$(rustc -vV | sed -n 's/^host: //p')

# The tool writes a file next to each manifest of the workspace: into a copy.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$copy"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} cargo cyclonedx --quiet \
    --manifest-path "$copy/node/Cargo.toml" --format json --spec-version 1.5 \
    --target "$triple" --override-filename cairn.cdx
mkdir -p "$(dirname "$file")"
# The same wherever it is written.
sed "s|file://$copy|file:///cairn|g" "$copy/node/cairn.cdx.json" >"$file"

count=0
while read -r name version; do
    count=$((count + 1))
    grep -qF "\"pkg:cargo/$name@${version#v}" "$file" ||
        { echo "$file lacks $name $version" >&2; exit 1; }
done < <(cargo tree --locked -p cairn-provider-cli --target "$triple" -e normal,no-proc-macro \
    --prefix none -f '{p}' | grep . | cut -d' ' -f1,2 | sort -u)
[ "$count" -gt 100 ] || { echo "only $count crates are linked?" >&2; exit 1; }
echo "$file has the $count crates that are linked"
