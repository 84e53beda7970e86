#!/usr/bin/env bash
# Installs the build dependencies besides Rust and make, and says what and why.
# If everything is installed, it does nothing and uses no network.
#
#   scripts/install-deps.sh        what everything needs
#   scripts/install-deps.sh cli    what the command line needs: no WASM, no protobuf
#   scripts/install-deps.sh clients  a browser for the test of the JavaScript client
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
part=${1:-all}
case "$part" in all | cli | clients) ;; *)
    echo "install-deps: there is no part $part: say cli, clients, or nothing" >&2
    exit 2
    ;;
esac

has() { command -v "$1" >/dev/null 2>&1; }

# bindgen loads this library at run time, so no command shows whether it is installed.
has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    local pattern
    for pattern in \
        '/usr/lib/llvm-*/lib/libclang' '/usr/lib/*-linux-*/libclang' \
        '/usr/lib/libclang' '/usr/lib64/libclang' '/usr/local/lib/libclang'; do
        if compgen -G "$pattern.so*" >/dev/null || compgen -G "$pattern-[0-9]*.so*" >/dev/null; then
            return 0
        fi
    done
    return 1
}

# Checks whether the current Rust can compile for the target of runtimes.
has_wasm_target() {
    local sysroot
    sysroot=$(rustc --print sysroot 2>/dev/null) && [ -d "$sysroot/lib/rustlib/wasm32v1-none" ]
}

# Checks whether Debian's Rust is installed, with the sources of core and alloc.
has_debian_rust() {
    local sysroot
    [ -x /usr/bin/cargo ] && sysroot=$(/usr/bin/rustc --print sysroot 2>/dev/null) &&
        [ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ]
}

has_openssl() { pkg-config --exists openssl 2>/dev/null; }

# Checks whether a lock file of this repository names a crate.
locks() { grep -qsx "name = \"$1\"" Cargo.lock ./*/Cargo.lock; }

packages=()
reasons=()
need() {
    packages+=("$1")
    reasons+=("$2")
}

find_missing() {
    packages=()
    reasons=()
    if [ "$part" = clients ]; then
        [ -n "${CHROMIUM:-}" ] || has chromium ||
            need chromium 'tests the JavaScript client as a page loads it'
        return 0
    fi
    has g++ || need g++ 'compiles RocksDB (C++) and secp256k1 (C), and links every binary'
    has clang || need clang "its headers are what bindgen reads RocksDB's C interface with"
    has_libclang || need libclang-dev 'the library with which bindgen parses that interface'
    has ccache || need ccache 'keeps compiled C++, so that RocksDB is compiled once'
    if locks pkg-config && ! has pkg-config; then
        need pkg-config 'finds system libraries for crates that wrap them'
    fi
    [ "$part" = all ] || return 0
    if locks openssl-sys && ! has_openssl; then
        need libssl-dev "the network crates' OpenSSL, which takes minutes to compile from source"
    fi
    has strace || need strace 'kills a provider at each of its steps, in the tests'
    if locks prost-build && ! has protoc; then
        need protobuf-compiler "compiles the message formats of Substrate's network crates"
    fi
    if ! has_wasm_target && [ -z "${CAIRN_WASM:-}" ]; then
        if ! has_debian_rust; then
            need rustc-web "a Rust that compiles the chain's runtime to WASM, since \`rustc\` has no wasm32v1-none"
            need cargo-web 'its cargo'
            need rust-web-src 'the sources of core and alloc, which it compiles for that target'
        fi
        has wasm-ld || need lld 'links the WASM'
    fi
}

list_missing() {
    local i
    for i in "${!packages[@]}"; do
        printf '  %-20s %s\n' "${packages[$i]}" "${reasons[$i]}"
    done
}

if ! has cargo; then
    echo 'cargo is not on PATH. Install Rust 1.92 or later (https://rustup.rs), and' >&2
    echo "if it is installed already, run: . \"\$HOME/.cargo/env\"" >&2
    exit 1
fi

find_missing
[ "${#packages[@]}" -eq 0 ] && exit 0

if ! has apt-get; then
    echo 'The build needs these, and there is no apt-get to install them with:' >&2
    list_missing >&2
    echo 'The names are those of Debian. Install the same tools and try again.' >&2
    exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! has sudo; then
        echo 'The build needs these, and they cannot be installed without root or sudo:' >&2
        list_missing >&2
        echo "As root: apt-get install --no-install-recommends ${packages[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo 'Installing with apt-get what the build needs:'
list_missing
# A list that cannot be refreshed may still name what is needed.
"${as_root[@]}" apt-get update -qq || echo 'apt-get update failed; continuing with the present lists' >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}"

find_missing
if [ "${#packages[@]}" -ne 0 ]; then
    echo 'Still missing after the installation:' >&2
    list_missing >&2
    exit 1
fi
