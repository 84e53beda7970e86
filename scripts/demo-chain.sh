#!/usr/bin/env bash
# Shows Cairn at work on a real chain: real files in three buckets at two
# providers, one loaded into a Substrate node and one standalone; challenges of
# old and new roots, a prune, a kill, and a dishonest provider. Fails unless,
# according to the chain, only the dishonest provider has lost its stake.
#
#   scripts/demo-chain.sh [FOLDER]    keeps its data in FOLDER, which must be empty
#   FILES=folder                stores the files of this folder
#   VARIANT=name                deployed, nonce, current (the default) or leaf-binding
#   PROGRAMS=folder             has the programs
set -euo pipefail

programs=${PROGRAMS:-${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}/release}
kept=${1:-}

fail() {
    echo "demo: $*" >&2
    exit 1
}

for program in cairn cairn-devnode cairn-demo; do
    [ -x "$programs/$program" ] ||
        fail "there is no $programs/$program: build it with 'make demo-chain'"
done

. "$(dirname "${BASH_SOURCE[0]}")/files-to-store.sh"

arguments=(--programs "$programs" --files "$files" --variant "${VARIANT:-current}")
if [ -n "$kept" ]; then
    [ -z "$(ls -A "$kept" 2>/dev/null)" ] || fail "$kept is not empty: remove it, or name another"
    arguments+=(--folder "$kept")
fi
exec "$programs/cairn-demo" "${arguments[@]}"
