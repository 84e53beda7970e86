#!/usr/bin/env bash
# Starts providers, verifies a proof of theirs with a client in each language, and makes an
# agreement, a checkpoint and a challenge with one.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
built="${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}/release"
for program in cairn cairn-devnode; do
    [ -x "$built/$program" ] || {
        echo "$built/$program is not built: cargo build --release --workspace --all-targets" >&2
        exit 1
    }
done

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT

# Prints the first line of a program's output, which has its URL.
first_line() {
    while [ ! -s "$1" ]; do
        kill -0 "$2" || { cat "$1.log" >&2; exit 1; }
        sleep 0.1
    done
    head -n 1 "$1"
}

# Makes a base path with a bucket of this repository's files.
furnish() {
    "$built/cairn" --base-path "$1" key insert <<<"$2" >/dev/null
    "$built/cairn" --base-path "$1" bucket create 7 >/dev/null
    "$built/cairn" --base-path "$1" put 7 clients docs >/dev/null
}

# A node that has loaded one provider, and another provider that runs alone.
furnish "$work/loaded" //Charlie
furnish "$work/alone" //Dave
"$built/cairn-devnode" light --rpc-port 0 --block-ms 1000 --cairn "$work/loaded" \
    --suri //Charlie --cairn-accept-agreements >"$work/node" 2>"$work/node.log" &
node_url=$(first_line "$work/node" $!)
"$built/cairn" --base-path "$work/alone" --json run --chain "$node_url" --rpc-port 0 \
    --prometheus-port 0 >"$work/provider" 2>"$work/provider.log" &
provider_url=$(first_line "$work/provider" $! | sed 's/.*"rpc":"\([^"]*\)".*/\1/')

cargo build --quiet --release --locked --manifest-path clients/rust/Cargo.toml \
    --target-dir "$built/../client"
"$built/../client/release/cairn-client-example" "$provider_url" 7 3

cp -r clients/javascript "$work/javascript"
cd "$work/javascript/examples"
npm install --no-audit --no-fund --silent
node proof.mjs "$provider_url" 7 3
node api.mjs "$node_url" 7 3
node storage.mjs "$node_url" //Charlie
cd "$OLDPWD"

python3 -m venv "$work/python"
# From a copy, so that the build leaves nothing in this folder.
cp -r clients/python "$work/package"
"$work/python/bin/pip" install --quiet websockets==15.0.1 "$work/package[sr25519]"
"$work/python/bin/python" clients/python/examples/proof.py "$provider_url" 7 3
