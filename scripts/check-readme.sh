#!/usr/bin/env bash
# Checks that the README's passage on loading Cairn is the code of the development
# node; with --write, updates the README.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

source=devnode/node/src/service.rs
passage=$(sed -n '/---- Loading Cairn ----/,/---- end ----/p' "$source" | sed '1d;$d;s/^    //')
[ -n "$passage" ] || { echo "there is no marked passage in $source" >&2; exit 1; }
quoted=$(printf '<!-- passage: %s -->\n```rust\n%s\n```\n<!-- end -->' "$source" "$passage")
written=$(QUOTED=$quoted awk '
    /^<!-- passage: / { print ENVIRON["QUOTED"]; inside = 1 }
    !inside { print }
    /^<!-- end -->$/ { inside = 0 }
' README.md)
if [ "${1:-}" = --write ]; then
    printf '%s\n' "$written" >README.md
elif [ "$written" != "$(cat README.md)" ]; then
    echo "the README's passage differs from $source: run $0 --write" >&2
    exit 1
fi
