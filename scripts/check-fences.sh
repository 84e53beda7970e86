#!/usr/bin/env bash
# Checks the fences between the crates that the compiler does not check: RocksDB and
# signing stay in their modules, the primitives use no other crate, no crate has
# unsafe code, and the binary links one RocksDB. A node can link Cairn only if they hold.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

failed=0
fail() {
    echo "fence broken: $1" >&2
    [ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/    /' >&2
    failed=1
}

# The folders and names of the workspace's own packages.
metadata=$(cargo metadata --locked --no-deps --format-version 1)
mapfile -t folders < <(grep -o '"manifest_path":"[^"]*"' <<<"$metadata" |
    sed "s|^\"manifest_path\":\"$PWD/||; s|/Cargo.toml\"\$||" | sort -u)
mapfile -t names < <(for folder in "${folders[@]}"; do
    sed -n '/^\[package\]/,/^\[/s/^name *= *"\([^"]*\)".*/\1/p' "$folder/Cargo.toml"
done)
if [ "${#folders[@]}" -eq 0 ] || [ "${#folders[@]}" -ne "${#names[@]}" ]; then
    echo 'the packages of the workspace could not be listed' >&2
    exit 1
fi

# RocksDB is a dependency of the engine alone, so that its types and its errors stay
# behind one wall: `cargo deny` holds it too. The benchmarks measure RocksDB by itself,
# the game forges buckets with it, and two tests write the database of another program.
found=$(git ls-files '*Cargo.toml' | grep -vE '^(Cargo|node-ext/engine/Cargo|benches/Cargo|game/Cargo|tests/Cargo|conformance/Cargo|fuzz/Cargo)\.toml$' |
    xargs grep -nE '^ *"?(lib)?rocksdb' || true)
[ -z "$found" ] || fail 'a crate other than the engine depends on rocksdb' "$found"

# The game may name RocksDB, because it forges buckets as an attacker would. Nothing
# depends on the game, so operators never run this code.
found=$(git ls-files '*Cargo.toml' | grep -v '^game/' | xargs grep -nE '^ *"?cairn-game' || true)
[ -z "$found" ] || fail 'a crate depends on the game' "$found"

# Keys sign in one crate, behind the gate. Tests sign as others do.
found=$(grep -rnE --include='*.rs' 'sr25519_sign\(|[pP]air(\(\))?\.sign\(' node-ext rpc node/src |
    grep -vE '^node-ext/(keys|testing)/src/' |
    grep -vE '^[^:]*(/tests?(\.rs|/)|/village\.rs|/network\.rs|/house\.rs|/fixture\.rs)' |
    grep -vE '^[^:]*:[0-9]+:[[:space:]]*//' || true)
[ -z "$found" ] || fail 'a key signs outside node-ext/keys' "$found"

# What is signed was made durable first, which only a bucket knows.
found=$(grep -rnE --include='*.rs' 'DurableCommitment::recorded\(' node-ext rpc node --exclude-dir=target |
    grep -vE '^node-ext/(src/)?bucket/[^:]*:' || true)
[ -z "$found" ] || fail 'a commitment is called durable outside the bucket' "$found"

# The nonce of terms was made durable first, which only the provider's index knows.
found=$(grep -rnE --include='*.rs' 'ReservedTerms::reserved\(' node-ext rpc node --exclude-dir=target |
    grep -vE '^node-ext/(keys/src/signing/terms(/tests)?|provider/src/provider/terms)\.rs:' || true)
[ -z "$found" ] || fail 'terms are called reserved outside the provider' "$found"

# A second gate would sign past the provider's own.
found=$(grep -rnE --include='*.rs' 'Gate::new\(' node-ext rpc node/src devnode |
    grep -vE '^node-ext/(keys/src/signing/gate|provider/src/provider/open)\.rs:' |
    grep -vE '^[^:]*/tests?(\.rs|/)' || true)
[ -z "$found" ] || fail 'a signing gate is made outside the provider' "$found"

# Runtimes and verifiers use the primitives, which therefore use no other crate here.
tree=$(cargo tree --locked -p cairn-primitives --all-features -e normal,build,dev --prefix none -f '{p}')
for name in "${names[@]}"; do
    [ "$name" = cairn-primitives ] && continue
    if grep -q "^$name v" <<<"$tree"; then
        fail "cairn-primitives depends on $name"
    fi
done

# A client of the RPC compiles no C or C++, no server, and nothing of the provider.
tree=$(cargo tree --locked -p cairn-rpc-api -e normal,build --prefix none -f '{p}')
found=$(grep -E '^(cc|cmake|[a-z0-9-]+-sys|hyper|tar|sp-core|jsonrpsee-server) v' <<<"$tree" | sort -u || true)
[ -z "$found" ] || fail 'cairn-rpc-api links more than a client needs' "$found"
for name in "${names[@]}"; do
    case "$name" in cairn-rpc-api | cairn-primitives) continue ;; esac
    if grep -q "^$name v" <<<"$tree"; then
        fail "cairn-rpc-api depends on $name"
    fi
done

# What judges a provider from outside shares no code with it but the chain's arithmetic.
tree=$(cargo tree --locked -p cairn-conformance -e normal,build --prefix none -f '{p}')
for name in "${names[@]}"; do
    case "$name" in cairn-conformance | cairn-primitives) continue ;; esac
    if grep -q "^$name v" <<<"$tree"; then
        fail "cairn-conformance depends on $name"
    fi
done

# In the source as well as in the lints of Cargo.toml: then it holds for everyone who
# compiles the crate, with any flags.
for folder in "${folders[@]}"; do
    roots=0
    # Several packages may be built from one source: then the manifest names it.
    shared=$(sed -n '/^\[lib\]/,/^\[/s/^path *= *"\([^"]*\)".*/\1/p' "$folder/Cargo.toml")
    for root in "$folder/${shared:-src/lib.rs}" "$folder/src/main.rs"; do
        [ -f "$root" ] || continue
        roots=$((roots + 1))
        grep -q '^#!\[forbid(unsafe_code)\]' "$root" ||
            fail "$root lacks #![forbid(unsafe_code)]"
    done
    [ "$roots" -gt 0 ] || fail "$folder has no source of a library or a binary"
done

# The versions of a crate that a package's binary links.
linked() {
    cargo tree --locked -p "$1" -e normal,build --prefix none -f '{p}' |
        sed -n "s/^\($2 v[^ ]*\).*/\1/p" | sort -u
}

# Two versions would be two copies of the same C++ symbols. None would mean that this
# check looks at the wrong binary. The node has its own backend on RocksDB.
for binary in cairn-provider-cli cairn-devnode; do
    rocksdbs=$(linked "$binary" librocksdb-sys)
    count=$(grep -c . <<<"$rocksdbs" || true)
    [ "$count" -eq 1 ] || fail "$binary links $count librocksdb-sys, not one" "$rocksdbs"
done

# A node merges RPC modules of one jsonrpsee. Both read chains by metadata, without subxt,
# whose jsonrpsee is a newer one.
for binary in cairn-provider-cli cairn-devnode; do
    jsonrpsees=$(linked "$binary" jsonrpsee)
    case "$jsonrpsees" in
    'jsonrpsee v0.24.'*) [ "$(grep -c . <<<"$jsonrpsees")" -eq 1 ] ;;
    *) false ;;
    esac || fail "$binary links another jsonrpsee than 0.24" "$jsonrpsees"
done
for binary in cairn-provider-cli cairn-devnode; do
    subxts=$(linked "$binary" subxt)
    [ -z "$subxts" ] || fail "$binary links subxt" "$subxts"
done

# Substrate's client crates have another licence: the standalone provider does not
# link them.
clients=$(cargo tree --locked -p cairn-provider-cli -e normal,build --prefix none -f '{p}' |
    sed -n 's/^\(sc-[a-z-]* v[^ ]*\).*/\1/p' | sort -u)
[ -z "$clients" ] || fail 'the standalone provider links client crates of Substrate' "$clients"

# The game's mutants are patches to the source, which a rename next to them breaks.
for patch in game/mutants/*.patch; do
    git apply --check "$patch" 2>/dev/null || fail "$patch does not apply any more"
done

[ "$failed" -eq 0 ] || exit 1
echo "fences hold: ${#folders[@]} crates, rocksdb behind node-ext/engine, one $rocksdbs, one $jsonrpsees"
