#!/usr/bin/env bash
# Tests the clients in other languages than Rust, without a chain and without Rust. It needs Node
# with npm, and Python with venv; TypeScript, polkadot-js, the extra `sr25519`, mypy and setuptools are
# installed in a temporary folder. Where Chromium is installed, the package is tested in it too.
#
#   scripts/test-clients.sh            all of it
#   scripts/test-clients.sh --offline  only what needs no registry
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
part="${1:-all}"
case "$part" in all | --offline) ;; *)
    echo "test-clients: say --offline, or nothing" >&2
    exit 2
    ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1

echo '==> JavaScript'
(cd clients/javascript && npm test --silent)
if command -v "${CHROMIUM:-chromium}" >/dev/null; then
    node clients/javascript/test/browser.mjs
else
    echo 'not in a browser: there is no chromium (apt-get install chromium), and CHROMIUM names none'
fi

echo '==> Python'
python=python3
if [ "$part" = all ]; then
    python3 -m venv "$work/venv"
    python="$work/venv/bin/python"
    # From a copy, so that the build leaves nothing behind.
    cp -r clients/python "$work/python"
    "$python" -m pip install --quiet --disable-pip-version-check "$work/python[sr25519]" mypy==2.4.1
    "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work" "$work/python"
    "$python" clients/python/tests/check_wheel.py "$work"/cairn_storage_client-*.whl
    (cd clients/python && "$python" -m mypy --cache-dir "$work/mypy")
    # The installed package is tested, not the folder.
    (cd clients/python && "$python" -m unittest)
    echo '==> Types of JavaScript'
    cp -r clients/javascript "$work/javascript"
    (cd "$work/javascript" && npm ci --silent --no-audit --no-fund && npm run --silent types)
    echo '==> The RPC as polkadot-js registers it'
    (cd "$work/javascript/examples" && npm install --silent --no-audit --no-fund &&
        node registered.mjs "$OLDPWD/docs/openrpc.json")
else
    # Signatures and examples need the extra.
    (cd clients/python && PYTHONPATH=src python3 -m unittest tests.test_verify tests.test_client)
    echo 'not tested without a registry: types, polkadot-js, signatures in Python, and what is in the wheel'
fi
echo '==> the clients passed'
