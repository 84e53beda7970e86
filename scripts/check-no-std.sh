#!/usr/bin/env bash
# Checks that cairn-primitives builds without std, for a target that has none: a
# build for this machine would find std, and so prove little. It tries, in order:
#   rustup   its thumbv7em-none-eabi target;
#   debian   core and alloc, compiled from Debian's sources of them;
#   tree     no foreign target: features, attributes and a build for this machine.
# The last is weaker, and for machines where neither of the others works.
# CHECK_NO_STD_BY=rustup|debian|tree selects one of them.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=thumbv7em-none-eabi
crate=cairn-primitives
only="${CHECK_NO_STD_BY:-}"
# A target directory of its own: other compilers than the usual one write here.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/cairn/target}/no-std"
minimum=$(sed -n 's/^rust-version *= *"\([^"]*\)".*/\1/p' Cargo.toml)

case "$only" in
'' | rustup | debian | tree) ;;
*)
    echo "CHECK_NO_STD_BY is rustup, debian or tree, not '$only'" >&2
    exit 2
    ;;
esac

has() { command -v "$1" >/dev/null 2>&1; }
allowed() { [ -z "$only" ] || [ "$only" = "$1" ]; }
at_least_minimum() { [ "$(printf '%s\n' "$minimum" "$1" | sort -V | head -n 1)" = "$minimum" ]; }

passed() {
    echo "$crate builds without std, shown by $1"
    exit 0
}

# ---- rustup ----

rustup_has_target() { has rustup && grep -qx "$target" <<<"$(rustup target list --installed 2>/dev/null)"; }

check_by_rustup() {
    cargo check --locked -p "$crate" --no-default-features --target "$target"
    passed "rustup's $target"
}

# ---- debian ----

# A Rust that is new enough, with the sources of its standard library.
debian_is_ready() {
    local version sysroot
    [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] || return 1
    version=$(/usr/bin/rustc --version 2>/dev/null | awk '{ print $2 }') || return 1
    sysroot=$(/usr/bin/rustc --print sysroot 2>/dev/null) || return 1
    [ -n "$version" ] && at_least_minimum "$version" || return 1
    [ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ]
}

debian_candidate() {
    local version
    version=$(apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" { print $2 }')
    [ -n "$version" ] && [ "$version" != '(none)' ] && at_least_minimum "$version"
}

install_debian() {
    local packages=(rustc-web cargo-web rust-web-src) as_root=()
    has apt-get || return 1
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || return 1
        as_root=(sudo)
        # Without a terminal a password cannot be asked for.
        [ -t 0 ] || as_root=(sudo -n)
    fi
    if ! debian_candidate rustc-web; then
        "${as_root[@]}" apt-get update -qq || return 1
        debian_candidate rustc-web || return 1
    fi
    echo "Installing ${packages[*]}: a Rust with the sources of core and alloc, to compile them for $target"
    # Another Rust from Debian stays installed.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends --no-remove "${packages[@]}" || return 1
    debian_is_ready
}

# Runs Debian's cargo for the bare target, without the settings for another Rust.
# The user's registry settings still apply.
debian_cargo_check() {
    local name unset=()
    while read -r name; do
        case "$name" in
        CARGO_HOME | CARGO_NET_* | CARGO_HTTP_* | CARGO_REGISTRY_* | CARGO_REGISTRIES_* | CARGO_SOURCE_*) ;;
        RUST* | CARGO*) unset+=(-u "$name") ;;
        esac
    done < <(compgen -e)
    # Compiling the standard library is not yet a stable feature of cargo. Only this
    # check uses it, and nothing that is shipped.
    env "${unset[@]}" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$CARGO_TARGET_DIR" \
        /usr/bin/cargo check "$@" --target "$target" -Zbuild-std=core,alloc
}

# Checks whether core and alloc alone can be built, to distinguish a fault of this
# crate from one of the tools.
debian_builds_nothing_at_all() {
    local folder status=0
    folder=$(mktemp -d)
    printf '[package]\nname = "nothing"\nedition = "2024"\n[lib]\npath = "lib.rs"\n[workspace]\n' >"$folder/Cargo.toml"
    echo '#![no_std]' >"$folder/lib.rs"
    debian_cargo_check --quiet --manifest-path "$folder/Cargo.toml" || status=1
    rm -rf "$folder"
    return "$status"
}

check_by_debian() {
    if debian_cargo_check --locked -p "$crate" --no-default-features; then
        passed "core and alloc built from Debian's sources for $target"
    fi
    if debian_builds_nothing_at_all; then
        echo "$crate failed the check, see above; core and alloc by themselves build" >&2
        exit 1
    fi
    echo "Debian's Rust cannot build core and alloc for $target here" >&2
}

# ---- tree ----

check_by_tree() {
    local tree with_std sources="primitives/src" unguarded failed=0

    # Features of what is linked; a procedural macro runs on this machine, with std.
    tree=$(cargo tree --locked -p "$crate" --no-default-features \
        -e normal,features,no-proc-macro --prefix none)
    with_std=$(grep -E 'feature "(std|use_std)"' <<<"$tree" | sort -u || true)
    if [ -n "$with_std" ]; then
        echo 'std is requested by:' >&2
        echo "$with_std" >&2
        failed=1
    fi

    if ! grep -qE '^#!\[(no_std|cfg_attr\(not\(feature = "std"\), no_std\))\]' "$sources/lib.rs"; then
        echo "$sources/lib.rs is not #![no_std]" >&2
        failed=1
    fi

    # `extern crate std` is the only other way by which a no_std crate can use std.
    unguarded=$(find "$sources" -name '*.rs' -exec awk '
        /^[[:space:]]*\/\// { next }
        /extern crate std/ && !/cfg\(/ && previous !~ /cfg\(/ { print FILENAME ":" FNR ":" $0 }
        { previous = $0 }' {} +)
    if [ -n "$unguarded" ]; then
        echo 'std is linked without a feature:' >&2
        echo "$unguarded" >&2
        failed=1
    fi

    cargo check --locked -p "$crate" --no-default-features || failed=1
    [ "$failed" -eq 0 ] || exit 1
    echo "(no $target to build for: 'rustup target add $target' would make this check strict)"
    passed 'its features and a build for this machine'
}

# Installed tools come before downloads, and rustup's few megabytes before a second
# Rust.
if allowed rustup && rustup_has_target; then check_by_rustup; fi
if allowed debian && debian_is_ready; then check_by_debian; fi
if allowed rustup && has rustup; then
    echo "Installing $target with rustup, to build $crate without std"
    if timeout 300 rustup target add "$target"; then check_by_rustup; fi
fi
if allowed debian && ! debian_is_ready && install_debian; then check_by_debian; fi
if allowed tree; then check_by_tree; fi

echo "this machine cannot check $crate by $only" >&2
exit 1
