#!/usr/bin/env bash
# Builds the verifier that the JavaScript package ships, into clients/javascript/wasm.
#
#   clients/wasm/build.sh          builds it; needs Rust with wasm32-unknown-unknown, and npm
#   clients/wasm/build.sh --check  tells whether its sources are those that were built; needs node
#
# The result is in the repository, so that the package is tested, and packed, without Rust.
# `sources.sha256` has the hashes of what it was built from: another compiler writes other bytes, so
# the result itself is not compared.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=clients/javascript/wasm
binaryen=binaryen@132.0.0

# Of what is compiled: neither of tests nor of comments.
sources() {
    local file
    {
        find primitives/src clients/wasm/verifier/src clients/wasm/bundle/src -name '*.rs' |
            grep -vE '/tests(\.rs|/)'
        ls primitives/Cargo.toml clients/wasm/Cargo.{toml,lock} clients/wasm/*/Cargo.toml
    } | LC_ALL=C sort | while read -r file; do
        printf '%s  %s\n' "$(grep -vE '^[[:space:]]*((//|#[^![])|$)' "$file" | sha256sum | cut -c 1-64)" "$file"
    done
}

if [ "${1:-}" = --check ]; then
    if ! diff <(sources) "$out/sources.sha256"; then
        echo "$out was built from other sources: run clients/wasm/build.sh" >&2
        exit 1
    fi
    (cd "$out" && sha256sum --quiet --check result.sha256)
    echo "$out is what was built from these sources"
    exit 0
fi

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}/client-wasm"
manifest=clients/wasm/Cargo.toml
rustup target list --installed | grep -qx wasm32-unknown-unknown ||
    rustup target add wasm32-unknown-unknown
# Panics name the file that they are in: by no path of this machine.
RUSTFLAGS="--remap-path-prefix=$HOME=/home --remap-path-prefix=$PWD=/cairn" \
    cargo build --quiet --locked --manifest-path "$manifest" -p cairn-verifier-wasm \
    --profile wasm --target wasm32-unknown-unknown
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo run --quiet --locked --manifest-path "$manifest" -p cairn-verifier-bundle -- \
    "$CARGO_TARGET_DIR/wasm32-unknown-unknown/wasm/cairn_verifier_wasm.wasm" "$work/out"
npm exec --yes --package="$binaryen" -- wasm-opt -Oz \
    "$work/out/cairn_verifier_bg.wasm" -o "$work/out/smaller.wasm"
mv "$work/out/smaller.wasm" "$work/out/cairn_verifier_bg.wasm"
rm "$work/out/cairn_verifier_bg.wasm.d.ts"

mkdir -p "$out"
cp "$work"/out/* "$out/"
sources >"$out/sources.sha256"
(cd "$out" && sha256sum cairn_verifier* >result.sha256)
ls -l "$out"
