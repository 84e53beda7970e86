#!/usr/bin/env bash
# Shows one provider at work on real files, without a chain: stores a folder, signs
# the roots, challenges them at random as a challenger would, hands out a proof that
# anybody can verify, and repairs a bucket that has lost a file. Fails unless every
# challenge is answered, and unless a forged proof is refused.
#
#   scripts/demo.sh [FOLDER]    keeps its data in FOLDER, which must be empty
#   FILES=folder                stores the files of this folder
#   PROGRAMS=folder             has the program
set -euo pipefail

programs=${PROGRAMS:-${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}/release}
cairn=$programs/cairn

fail() {
    echo "demo: $*" >&2
    exit 1
}

[ -x "$cairn" ] || fail "there is no $cairn: build it with 'make demo'"
. "$(dirname "${BASH_SOURCE[0]}")/files-to-store.sh"

folder=${1:-}
if [ -n "$folder" ]; then
    [ -z "$(ls -A "$folder" 2>/dev/null)" ] || fail "$folder is not empty: remove it, or name another"
    mkdir -p "$folder"
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
folder=$(readlink -f "$folder")
export CAIRN_BASE_PATH=$folder/provider
unset CAIRN_RPC

# Prints a command as a user would type it, and runs it.
run() {
    printf '\n$ cairn %s\n' "$*"
    "$cairn" "$@"
}
say() { printf '\n# %s\n' "$*"; }
# Reads a field of a JSON answer.
field() { sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" <<<"$2" | tail -n 1; }

say 'A provider needs a key. Each bucket is a database of its own.'
run key generate
run bucket create 1
run bucket create 2

say "Store the files of $files in bucket 1. A line is printed once its leaf is durable and signed."
printf '\n$ cairn put 1 %s\n' "$files"
"$cairn" put 1 "$files" | tail -n 3

say 'Store one more file. The newest root is another one, and the old one stays signed.'
old=$("$cairn" bucket info 1 --json)
old_root=$(field mmr_root "$old")
old_count=$(field leaf_count "$old")
[ -n "$old_root" ] && [ -n "$old_count" ] || fail 'the answer of `bucket info` names no root'
date >"$folder/today"
run put 1 "$folder/today"
run put 2 "$folder/today"

say 'Challenge signed roots at random, old ones too. Each answer is judged from its bytes alone, by' \
    "the chain's rule and by a stricter one."
run challenge-drill 1 -n 200

say 'Prove a chunk under the old root.'
run prove 1 --leaf 0 --chunk 0 --root "$old_root" -o "$folder/proof.json"

say 'Somebody who has neither the bucket nor the key verifies it against the root that was signed.'
(
    unset CAIRN_BASE_PATH
    HOME=$folder/nobody run verify "$folder/proof.json" --root "$old_root" --leaf-count "$old_count"
)

say 'One byte of the chunk changed: the proof is refused.'
# The response begins with its variant and the chunk's length; the chunk follows.
sed 's/\("response": "0x[0-9a-f]\{40\}\)\(..\)/\1zz/; s/zz/00/' "$folder/proof.json" >"$folder/forged.json"
cmp -s "$folder/proof.json" "$folder/forged.json" &&
    sed 's/\("response": "0x[0-9a-f]\{40\}\)\(..\)/\1ff/' "$folder/proof.json" >"$folder/forged.json"
if run verify "$folder/forged.json" --root "$old_root" --leaf-count "$old_count"; then
    fail 'a forged proof was taken'
fi

say 'Bucket 2 loses a file. Bucket 1 does not notice, and bucket 2 is repaired from its other files.'
lost=$(find "$CAIRN_BASE_PATH/buckets/0000000000000002" -name 'MANIFEST-*' | head -n 1)
[ -n "$lost" ] || fail 'bucket 2 has no manifest to lose'
printf '\n$ rm %s\n' "$lost"
rm "$lost"
run challenge-drill 1 -n 20
run fsck 2 --repair
run challenge-drill 2 -n 5

say 'Check bucket 1 on the disk: every root is rebuilt from the bytes of the chunks.'
run fsck 1

printf '\nEvery challenge was answered. `make demo-chain` shows two providers on a real chain.\n'
