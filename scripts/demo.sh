#!/usr/bin/env bash
# Shows the node at work on real files: three buckets, an upload that is killed
# in the middle, and challenges to old and new roots. Fails if anything does.
#
#   scripts/demo.sh [FOLDER]    keeps its data in FOLDER, which must not hold a demo yet
#   FILES=folder                stores the files of this folder
#   CAIRN=path                  uses this binary
set -euo pipefail

# The most that is stored of files that nobody named, so that the demo is a
# matter of a minute.
MAX_BYTES=300000000
MAX_FILES=40000
CHALLENGES=300
# An upload of so many commits at least cannot end before it is killed.
MIN_KILLED_COMMITS=400

cairn=${CAIRN:-${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}/release/cairn}
kept=${1:-}
work=$(mktemp -d "${TMPDIR:-/tmp}/cairn-demo.XXXXXX")
upload=
finish() {
    if [ -n "$upload" ]; then kill -9 "$upload" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "demo: $*" >&2
    exit 1
}
bold='' plain=''
if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
say() { printf '  %s\n' "$*"; }
# The value of a field in each line of JSON that comes in.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"; }
sum() { awk '{ sum += $1 } END { printf "%.0f\n", sum }'; }
megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }
run() { "$cairn" --base-path "$base" "$@"; }
info() { run bucket info "$1" --json; }

[ -x "$cairn" ] || fail "there is no $cairn: build it with 'cargo build --release -p cairn'"
base=${kept:-$work/data}
if [ -e "$base/buckets" ]; then
    fail "$base holds a demo already: remove it, or name another folder"
fi
mkdir -p "$base"
base=$(cd "$base" && pwd)

# ---------------------------------------------------------------- the files

default_files() {
    local sysroot folder
    sysroot=$(rustc --print sysroot 2>/dev/null || true)
    for folder in "$sysroot/share/doc" "$sysroot/lib/rustlib/src" \
        "${CARGO_HOME:-$HOME/.cargo}/registry/src" /usr/share/doc; do
        # A toolchain without documentation has a folder for it with little in it.
        if [ -d "$folder" ] && [ "$(du -sm "$folder" | cut -f1)" -ge 20 ]; then
            echo "$folder"
            return
        fi
    done
    fail 'found no large folder to store: name one with FILES=folder'
}
if [ -n "${FILES:-}" ]; then
    source=$FILES
    most=1e300
    most_files=1e300
else
    source=$(default_files)
    most=$MAX_BYTES
    most_files=$MAX_FILES
fi
[ -e "$source" ] || fail "there is no $source to store"
source=$(readlink -f "$source")

# Names are listed one a line, so those with a line break in them are left out.
find "$source" -type f -readable ! -name $'*\n*' -printf '%s\t%p\n' | LC_ALL=C sort -t$'\t' -k2 |
    awk -F'\t' -v most="$most" -v files="$most_files" '
        sum + $1 <= most && n < files { sum += $1; n++; print }
    ' >"$work/sizes"
cut -f2- "$work/sizes" >"$work/all"
files=$(wc -l <"$work/all")
[ "$files" -gt 0 ] || fail "$source has no files to store"

# Every fourth file goes to the same bucket; a short list goes to each as a whole.
for part in 0 1 2 3; do
    if [ "$files" -ge 100 ]; then
        awk -v part="$part" 'NR % 4 == part' "$work/all" >"$work/part$part"
    else
        cp "$work/all" "$work/part$part"
    fi
done
# What is stored again costs no space, and is a leaf of its own all the same.
cp "$work/part3" "$work/killed"
while [ "$(wc -l <"$work/killed")" -lt "$MIN_KILLED_COMMITS" ]; do
    cat "$work/part3" >>"$work/killed"
done
# Some forty commits for an upload, and enough of them for the one that is killed.
every() { echo $(($(wc -l <"$1") / $2 + 1)); }

# Stores a list of files in a bucket, and tells what came of it.
put() {
    local bucket=$1 list=$2 commit_every=$3 out=$work/put$1.$RANDOM last
    run put "$bucket" --json --files-from "$list" --commit-every "$commit_every" >"$out"
    last=$(tail -n1 "$out")
    say "bucket $bucket: $(wc -l <"$list") files in $(wc -l <"$out") signed commits," \
        "root $(field mmr_root <<<"$last" | cut -c1-18)… over $(field leaf_count <<<"$last") leaves"
    cat "$out" >>"$work/commits$bucket"
}

# ---------------------------------------------------------------- the show

step '1. A key and three buckets'
say "$(run key generate)"
# As large as its files: what is more is refused below.
quota=$(tr '\n' '\0' <"$work/part2" | xargs -0 stat -L -c %s | sum)
run bucket create 1 | sed 's/^/  /'
run bucket create 2 --hashing tagged | sed 's/^/  /'
run bucket create 3 --quota "$quota" | sed 's/^/  /'

step "2. $files files of $source, $(megabytes "$(cut -f1 "$work/sizes" | sum)")"
for part in 0 1 2; do
    put $((part + 1)) "$work/part$part" "$(every "$work/part$part" 40)"
done

step '3. A bucket keeps to its quota'
before=$(info 3)
slack=$((quota - $(field used_bytes <<<"$before")))
head -c $((slack + 1)) /dev/urandom >"$work/one-byte-too-many"
if run put 3 "$work/one-byte-too-many" >/dev/null 2>"$work/refusal"; then
    fail 'an upload past the quota was taken'
fi
grep -q 'quota' "$work/refusal" || fail "refused for another reason: $(cat "$work/refusal")"
[ "$(info 3)" = "$before" ] || fail 'a refused upload changed bucket 3'
say 'one byte too many was refused, and bucket 3 is as it was'

step '4. An upload is killed in the middle of committing (SIGKILL)'
leaves_before=$(info 1 | field leaf_count)
kill_after=$((20 + RANDOM % 40))
mkfifo "$work/pipe"
# Not through a function: the process to kill is the node and no shell around it.
"$cairn" --base-path "$base" put 1 --json --files-from "$work/killed" \
    --commit-every "$(every "$work/killed" "$MIN_KILLED_COMMITS")" >"$work/pipe" 2>"$work/complaint" &
upload=$!
exec 3<"$work/pipe"
printed=0
status=0
: >"$work/printed"
# The shell would report the killing on its own stderr, with the whole command.
{
    while IFS= read -r line <&3; do
        printf '%s\n' "$line" >>"$work/printed"
        printed=$((printed + 1))
        if [ "$printed" -eq "$kill_after" ]; then kill -9 "$upload"; fi
    done
    wait "$upload" || status=$?
} 2>/dev/null
exec 3<&-
upload=
[ "$status" -eq 137 ] ||
    fail "the upload ended with code $status before it could be killed: $(cat "$work/complaint")"
cat "$work/printed" >>"$work/commits1"
leaves_after=$(info 1 | field leaf_count)
stored=$((leaves_after - leaves_before))
say "killed after it had printed $printed signed roots; the bucket opens with $stored of" \
    "$(wc -l <"$work/killed") files committed"

proven=0
while read -r root leaf_count; do
    run prove 1 --root "$root" --leaf $((leaf_count - 1)) --chunk 0 |
        "$cairn" verify - --root "$root" --leaf-count "$leaf_count" >/dev/null ||
        fail "root $root was signed and cannot be proven any more"
    proven=$((proven + 1))
done < <(paste -d' ' <(field mmr_root <"$work/printed") <(field leaf_count <"$work/printed"))
[ "$proven" -eq "$printed" ] || fail "only $proven of $printed roots were proven"
say "all $proven roots that it had signed are proven again, each to its last leaf"
tail -n +$((stored + 1)) "$work/killed" >"$work/rest"
if [ -s "$work/rest" ]; then put 1 "$work/rest" "$(every "$work/rest" 40)"; fi

step "5. $CHALLENGES random challenges, to old roots and new"
run challenge-drill 1 2 3 -n "$CHALLENGES" --json >"$work/drill"
total=$(tail -n1 "$work/drill")
[ "$(field answered <<<"$total")" -eq "$CHALLENGES" ] || fail 'a challenge was not answered'
say "$(field answered <<<"$total") answered, $(field failed <<<"$total") failed;" \
    "$(field newest_root <<<"$total") to a newest root, $(field older_roots <<<"$total") to older ones," \
    "$(field aliased <<<"$total") named a chunk past its tree"

step '6. Every root rebuilt from the bytes of the chunks'
run fsck --all | sed 's/^/  /'

step 'What it came to'
row='  %-6s  %-7s  %7s  %10s  %8s  %9s  %8s  %8s  %-8s  %-8s\n'
# shellcheck disable=SC2059  # one format for the head and the lines below it
printf "$row" bucket hashing leaves bytes commits commits/s 'p50' 'p99' strict chain
for bucket in 1 2 3; do
    state=$(info "$bucket")
    drill=$(grep "^{\"bucket\":$bucket," "$work/drill")
    commits=$(wc -l <"$work/commits$bucket")
    micros=$(field commit_micros <"$work/commits$bucket" | sum)
    asked=$(field asked <<<"$drill")
    # shellcheck disable=SC2059
    printf "$row" "$bucket" "$(field hashing <<<"$state")" "$(field leaf_count <<<"$state")" \
        "$(megabytes "$(field total_size <<<"$state")")" "$commits" \
        "$((commits * 1000000 / (micros + 1)))" \
        "$(field p50_micros <<<"$drill") us" "$(field p99_micros <<<"$drill") us" \
        "$(field strict_passed <<<"$drill")/$asked" "$(field chain_passed <<<"$drill")/$asked"
done
say 'commits/s: a commit is one sync to disk, of what its files stored as well, and one signature.'
say "p50, p99: from a challenge to its encoded answer. The disk is $(stat -f -c %T "$base")."
say 'strict, chain: answers that passed the strict rule, and the rule of the deployed pallet.'

step 'What to try next'
if [ -z "$kept" ]; then
    say 'The data of this demo is removed now. Keep it with: make demo DEMO_DIR=/tmp/cairn-demo'
    shown=/tmp/cairn-demo
else
    shown=$base
fi
old_root=$(head -n1 "$work/commits1" | field mmr_root)
say "export CAIRN_BASE_PATH=$shown; PATH=\$PATH:$(dirname "$cairn")"
say "cairn bucket info 1"
if [ -n "$kept" ]; then
    say "cairn prove 1 --leaf 0 --chunk 0 --root $old_root -o proof.json"
    say "cairn verify proof.json --root $old_root"
else
    say 'cairn prove 1 --leaf 0 --chunk 0 --leaf-count 1 -o proof.json && cairn verify proof.json'
fi
say "cairn get 1 --leaf 0 | head"
