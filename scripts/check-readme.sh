#!/usr/bin/env bash
# Checks that the passage on loading Cairn which the README quotes is the one
# that the development node is built with; with --write, puts it there.
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
    echo "the README quotes another passage than $source has: run $0 --write" >&2
    exit 1
fi
