# The tasks of this repository. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Cargo uses every core by itself, and locks the target directory that the steps
# share: two steps at a time would only wait for each other.
.NOTPARALLEL:

# Outside the working copy, so that several copies share one build of RocksDB.
CARGO_TARGET_DIR ?= $(HOME)/.cache/cairn/target
export CARGO_TARGET_DIR

# RocksDB takes about ten minutes of C++ on two cores. With ccache it is compiled
# once per machine, even if the target directory is deleted. Make itself sets
# CC and CXX, hence `origin`: only those built-in values are replaced, and a
# compiler from the environment or the command line is kept.
ifneq ($(filter default undefined,$(origin CC)),)
CC := ccache gcc
endif
ifneq ($(filter default undefined,$(origin CXX)),)
CXX := ccache g++
endif
export CC CXX

# The system's OpenSSL: a network crate would compile its own, for three minutes.
OPENSSL_NO_VENDOR ?= 1
export OPENSSL_NO_VENDOR

# One profile for everything. A second one would compile RocksDB and the
# Substrate crates a second time, and tests would run other code than the
# demo and the benchmarks. Overflow checks are on in it; see Cargo.toml.
CARGO_FLAGS := --locked --release

# The checks of the repository's structure: a workspace of its own, built in a minute.
XTASK := cargo run --quiet --locked --manifest-path xtask/Cargo.toml --

# The version of the tool that enforces deny.toml.
CARGO_DENY := ^0.20
# The versions of the tools that make packages.
CARGO_DEB := ^3.8
CARGO_CYCLONEDX := ^0.5.9

# Where packages go.
DIST ?= $(CARGO_TARGET_DIR)/dist

# The folder that `make demo` stores; by default, the toolchain's documentation.
FILES ?=
export FILES
# The demo's data folder; by default, the script chooses one.
DEMO_DIR ?=
# The variant of the chain in `make demo-chain`: deployed, nonce, current or leaf-binding.
VARIANT ?= current
export VARIANT
# The number of power cuts in `make powercut`, and the seed of their moments.
CUTS ?= 1000
SEED ?= 1
# Any value makes `make bench` short.
QUICK ?=
# The provider that `make conformance` judges: its address, a bucket, the key of a writer of it or
# `@FILE`, and more options.
URL ?= http://127.0.0.1:3333
BUCKET ?=
SURI ?=
OPTIONS ?=
# The duration of `make game`, and the seed of its first game.
SECONDS ?= 14400
SEED ?= 1000000

.PHONY: help deps tools package-tools demo demo-chain test powercut soak game bench conformance check-fast lint graph loops words lines advisories \
	release-binary deb tarball image compose-images clients wasm

help:
	@echo 'make demo    build the command line, and show a provider at work on real files'
	@echo 'make demo-chain  the same with two providers on a real chain; builds a Substrate node'
	@echo '             VARIANT=name     deployed, nonce, current or leaf-binding'
	@echo '             FILES=folder     store the files of this folder'
	@echo '             DEMO_DIR=folder  keep the data of the demo here'
	@echo 'make test    check the build without std, then run every test'
	@echo 'make powercut  a thousand losses of power, and an error of the disk at each call'
	@echo '             CUTS=N           number of power cuts'
	@echo '             SEED=N           seed of their moments'
	@echo 'make soak    ten thousand buckets under a pool of a hundred, for five minutes'
	@echo 'make game    play against an opponent for the stake, for four hours'
	@echo '             SECONDS=N        duration in seconds'
	@echo '             SEED=N           seed of the first game'
	@echo 'make bench   measure, and write benches/REPORT.md'
	@echo '             QUICK=1          a short run'
	@echo 'make conformance  judge the HTTP API of a provider that runs (conformance/README.md)'
	@echo '             URL=address      the provider, such as http://127.0.0.1:3333'
	@echo '             BUCKET=number    a bucket that may be written to'
	@echo '             SURI=@file       the secret key of a writer of the bucket'
	@echo '             OPTIONS=...      further options, such as --strict'
	@echo 'make check-fast  the part of lint that compiles neither RocksDB nor Substrate'
	@echo 'make clients  test the JavaScript and Python clients, without a chain; needs Node and Python'
	@echo 'make wasm    build the verifier of the JavaScript client again; needs npm'
	@echo 'make lint    formatting, fences between crates, documents, clippy, licences'
	@echo 'make graph   draw the crates in docs/internals/crates.md'
	@echo 'make loops   import loops between the modules of each crate'
	@echo 'make words   words that were replaced by better ones'
	@echo 'make lines   source files of more than 500 lines'
	@echo 'make advisories  known vulnerabilities of the dependencies; blocks nothing'
	@echo 'make deb     a Debian package in DIST, tested in a folder (as root)'
	@echo 'make tarball  an archive for other systems in DIST, with hashes and a list of the crates'
	@echo 'make image   a container image in DIST; needs buildah'
	@echo 'make compose-images  the images of ops/compose.yaml: the same, and the development node'
	@echo '             DIST=folder      where packages go'
	@echo 'make deps    install the build dependencies besides Rust (the other targets do this first)'
	@echo 'make tools   install cargo-deny if it is missing (lint and advisories do this)'
	@echo 'make package-tools  the same for cargo-deb and cargo-cyclonedx (deb, tarball and image do this)'
	@echo
	@echo 'Artifacts go to $(CARGO_TARGET_DIR); set CARGO_TARGET_DIR to change that.'

deps:
	@scripts/install-deps.sh

# Builds the command line alone: no Substrate node, no WASM.
demo:
	@scripts/install-deps.sh cli
	cargo build $(CARGO_FLAGS) -p cairn-provider-cli
	scripts/demo.sh $(if $(DEMO_DIR),"$(DEMO_DIR)")

# Builds the two providers, the chain and what plays on it, with the features that the
# tests ask of their dependencies, so that both share one build.
demo-chain: deps
	cargo build $(CARGO_FLAGS) -p cairn-provider-cli -p cairn-devnode -p cairn-demo
	scripts/demo-chain.sh $(if $(DEMO_DIR),"$(DEMO_DIR)")

# Installs it only if it is missing, and in a target directory of its own: the build
# uses other features of the same crates. Tests do not need it.
tools: deps
	@command -v cargo-deny >/dev/null || \
		cargo install --locked --target-dir '$(CARGO_TARGET_DIR)/tools' \
			--version '$(CARGO_DENY)' cargo-deny

test: deps
	scripts/check-no-std.sh
	cargo test --locked --manifest-path xtask/Cargo.toml
	cargo test --locked --manifest-path clients/wasm/Cargo.toml -p cairn-verifier-wasm
	cargo test --workspace $(CARGO_FLAGS)

clients:
	@scripts/install-deps.sh clients
	scripts/test-clients.sh

wasm:
	clients/wasm/build.sh

powercut: deps
	CAIRN_CUTS=$(CUTS) CAIRN_SEED=$(SEED) CAIRN_FAULTS_EVERY=1 \
		cargo test --workspace $(CARGO_FLAGS) --test power_cuts -- --nocapture

soak: deps
	CAIRN_SOAK_BUCKETS=10000 CAIRN_SOAK_SECONDS=300 \
		cargo test --workspace $(CARGO_FLAGS) --test ten_thousand_buckets -- --nocapture

# Built as for the tests, as the demo is.
game: deps
	cargo test --workspace --no-run $(CARGO_FLAGS)
	$(CARGO_TARGET_DIR)/release/cairn-game --variant all --seconds $$(($(SECONDS) / 4)) --seed $(SEED)

# Built as for the tests: alone it would ask other features of its dependencies, and
# compile RocksDB a second time.
bench: deps
	cargo test --workspace --no-run $(CARGO_FLAGS)
	$(CARGO_TARGET_DIR)/release/cairn-benches $(if $(QUICK),--quick) --out benches/REPORT.md

# Compiles a client: neither RocksDB nor a server.
conformance:
	@test -n "$(BUCKET)" && test -n "$(SURI)" || { echo 'BUCKET and SURI are needed' >&2; exit 2; }
	cargo run --quiet $(CARGO_FLAGS) -p cairn-conformance -- \
		--url '$(URL)' --bucket '$(BUCKET)' --suri '$(SURI)' $(OPTIONS)

# What needs no build of RocksDB or Substrate: minutes, also on a machine without a cache.
check-fast:
	cargo fmt --all --check
	cargo fmt --manifest-path clients/wasm/Cargo.toml --all --check
	scripts/check-fences.sh
	scripts/check-readme.sh
	scripts/check-docs.sh
	scripts/check-service.sh
	$(XTASK) loops
	$(XTASK) words
	$(XTASK) lines
	$(XTASK) graph --check docs/internals/crates.md

# The quick checks come first. cargo-deny does not check advisories here: they change
# from day to day, and the result of a gate must not.
lint: deps check-fast
	cargo clippy --locked --manifest-path xtask/Cargo.toml --all-targets -- -D warnings
	cargo clippy --locked --manifest-path clients/wasm/Cargo.toml --all-targets -- -D warnings
	cargo clippy --workspace --all-targets $(CARGO_FLAGS) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps $(CARGO_FLAGS)
	$(MAKE) tools
	cargo deny --locked check --hide-inclusion-graph bans licenses sources

# Compiles a handful of crates: neither RocksDB nor Substrate.
graph:
	$(XTASK) graph --write docs/internals/crates.md

loops words lines:
	$(XTASK) $@

# Asks the database of advisories, which not every machine reaches: it fails where
# there is something to read, and nothing else hangs on it.
advisories: tools
	cargo deny --locked check --hide-inclusion-graph advisories

package-tools:
	@command -v cargo-deb >/dev/null || \
		cargo install --locked --target-dir '$(CARGO_TARGET_DIR)/tools' \
			--version '$(CARGO_DEB)' cargo-deb
	@command -v cargo-cyclonedx >/dev/null || \
		cargo install --locked --target-dir '$(CARGO_TARGET_DIR)/tools' \
			--version '$(CARGO_CYCLONEDX)' cargo-cyclonedx

# The program that every package has.
release-binary:
	@scripts/install-deps.sh cli
	scripts/release-binary.sh

# With the time of the commit in it. The test needs root, for the owner of its data.
deb: package-tools release-binary
	package=$$(SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) cargo deb --quiet --no-build --no-strip \
		--manifest-path node/Cargo.toml -o '$(DIST)/' | tail -1); \
	if [ "$$(id -u)" -eq 0 ]; then scripts/test-deb.sh "$$package"; \
	else echo "not tested: run scripts/test-deb.sh $$package as root"; fi

tarball: package-tools release-binary
	archive=$$(scripts/tarball.sh '$(DIST)' | tail -1); scripts/test-tarball.sh "$$archive"

image: package-tools release-binary
	archive=$$(scripts/image.sh '$(DIST)' | tail -1); \
	if [ "$$(id -u)" -eq 0 ]; then scripts/test-image.sh "$$archive"; \
	else echo "not tested: run scripts/test-image.sh $$archive as root"; fi

compose-images: deps image
	cargo build $(CARGO_FLAGS) -p cairn-devnode
	scripts/image.sh '$(DIST)' cairn-devnode
