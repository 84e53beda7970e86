#!/usr/bin/env bash
# Removes one fix after the other, and reports how long the game takes to find
# each. A mutant that it does not find shows a kind of fault that it cannot find.
#
#   scripts/game-mutants.sh [NAME...]    those of game/mutants; all by default
#   SECONDS_EACH=600                     time limit for each
#   SEED=1                               the seed of the first game
#
# Each is built in a working copy of its own, which is removed afterwards, and in
# one target directory, so that little is recompiled. The game that finds a mutant is
# played again without it: if it is lost too, it has found something else.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${SECONDS_EACH:-600}
seed=${SEED:-1}
copy=$(mktemp -d)
trap 'git worktree remove --force "$copy" 2>/dev/null || rm -rf "$copy"' EXIT

names=("$@")
if [ "${#names[@]}" -eq 0 ]; then
    for patch in game/mutants/*.patch; do
        names+=("$(basename "$patch" .patch)")
    done
fi

git worktree add --detach --quiet "$copy" HEAD
target=${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}
missed=0

# Built as for the tests, as `make game` does: fewer crates would need other
# features of the dependencies, which would be recompiled. Naming a test of the game
# builds the game's program, and not the tests of other crates.
build() {
    (cd "$copy" && CARGO_TARGET_DIR=$target \
        cargo test --quiet --locked --release --workspace --no-run --test replayed)
}

build
mended=$target/release/cairn-game-mended
cp "$target/release/cairn-game" "$mended"

for name in "${names[@]}"; do
    patch=$PWD/game/mutants/$name.patch
    git -C "$copy" checkout --quiet --force HEAD
    if ! git -C "$copy" apply -C1 --recount "$patch"; then
        echo "$name: the patch does not apply: update it"
        missed=$((missed + 1))
        continue
    fi
    if ! build; then
        echo "$name: the patch does not build: update it"
        missed=$((missed + 1))
        continue
    fi
    began=$(date +%s)
    if found=$("$target/release/cairn-game" --seconds "$seconds" --seed "$seed" --shrink 30); then
        echo "$name: NOT FOUND within $seconds s"
        missed=$((missed + 1))
    else
        echo "$name: found within $(($(date +%s) - began)) s, shrinking included"
        grep -E '^seed |--replay' <<<"$found" | sed 's/^ */    /'
        script=$(sed -n "s/.*--replay '\(.*\)'$/\1/p" <<<"$found" | head -1)
        if ! "$mended" --replay "$script" >/dev/null; then
            echo "$name: the same game is lost without it"
            missed=$((missed + 1))
        fi
    fi
done
[ "$missed" -eq 0 ] || exit 1
