#!/usr/bin/env bash
# Makes a container of an image: it runs as its own user, says that it is not ready without a node,
# and keeps its data to itself. Needs buildah.
#
#   scripts/test-image.sh FILE.tar
set -euo pipefail

archive=$(realpath "${1:?name the archive, as in scripts/test-image.sh cairn-image.tar}")
fail() {
    echo "test-image: $*" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || { echo 'the data has another owner than this user: use root' >&2; exit 2; }
container=$(buildah from --quiet --pull-never "docker-archive:$archive")
work=$(mktemp -d)
provider=
finish() {
    # Several processes, if the container has one for the program.
    [ -z "$provider" ] || kill $provider 2>/dev/null || true
    wait
    buildah rm "$container" >/dev/null
    rm -rf "$work"
}
trap finish EXIT

# Its settings, one JSON value after the other, without spaces.
config=$(buildah inspect "$container" | tr -d ' \n\t')
has() { grep -qF "$1" <<<"$config" || fail "the image lacks $1"; }
has '"User":"9955:9955"'
has '"Entrypoint":["/usr/bin/cairn"]'
has '"Test":["CMD","/usr/bin/cairn","status","--ready"]'
has '"Volumes":{"/var/lib/cairn":{}}'
tree=$(buildah mount "$container")
[ "$(stat -c '%u:%g %a' "$tree/var/lib/cairn")" = '9955:9955 700' ] ||
    fail 'the data has another owner'
[ -z "$(find "$tree" -name '*sh' -perm /111 -o -name busybox)" ] || fail 'the image has a shell'

data=$work/data
install -d -o 9955 -g 9955 -m 700 "$data"
inside() {
    buildah run --isolation chroot --volume "$data:/var/lib/cairn" "$container" -- \
        /usr/bin/cairn "$@"
}
inside key generate >/dev/null
inside bucket create 1 >/dev/null
[ "$(stat -c %u "$data/location")" = 9955 ] || fail 'it runs as another user'
! inside status --ready 2>"$work/log" || fail 'a stopped provider is ready'
grep -q 'no provider runs' "$work/log" || fail "it says: $(cat "$work/log")"

# With a node that nobody reaches, by whose name the process is found.
node=ws://127.0.0.1:9/$$
inside run --config /etc/cairn/cairn.toml --chain "$node" --rpc-port 0 \
    --prometheus-port 0 >"$work/log" 2>&1 &
for _ in $(seq 100); do
    [ ! -f "$data/rpc-address" ] || break
    sleep 0.2
done
provider=$(pgrep -u 9955 -f -- "--chain $node" || true)
[ -n "$provider" ] || fail "it does not run: $(cat "$work/log")"
status=0
said=$(inside status --ready 2>&1) || status=$?
[ "$status" -ne 0 ] || fail 'a provider without a node is ready'
grep -q 'not ready' <<<"$said" || fail "it says: $said; $(cat "$work/log")"
echo "$(basename "$archive") runs as its own user, and says that it is not ready without a node"
