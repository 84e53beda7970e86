// The package as it is published: what is in it, what it exports, and that its parts are current.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as exported from 'cairn-storage-client';
import { rpc } from 'cairn-storage-client/rpc';

const folder = fileURLToPath(new URL('..', import.meta.url));
const read = (name) => readFileSync(`${folder}/${name}`, 'utf8');

test('it has these files and no others', () => {
  const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder, encoding: 'utf8' }));
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    'LICENSE', 'README.md', 'index.d.ts', 'index.js', 'package.json', 'rpc.d.ts', 'rpc.js', 'src/answers.js',
    'src/bucket-client.js', 'src/bytes.js', 'src/content.js', 'src/errors.js', 'src/json.js', 'src/provider.js',
    'src/signer.js', 'src/transport.js', 'src/verifier.js', 'wasm/cairn_verifier.d.ts', 'wasm/cairn_verifier.js',
    'wasm/cairn_verifier_bg.wasm',
  ]);
  const { size } = files.find(({ path }) => path.endsWith('.wasm'));
  assert.ok(size < 150_000, `the WASM has ${size} bytes`);
});

test('the types name what is exported', () => {
  const names = [...read('index.d.ts').matchAll(/^export (?:function|class|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(names.sort(), Object.keys(exported).sort());
});

test('it has no dependencies, and the licence and version of the repository', () => {
  const { dependencies, license, version } = JSON.parse(read('package.json'));
  assert.equal(dependencies, undefined);
  const workspace = readFileSync(`${folder}/../../Cargo.toml`, 'utf8');
  assert.equal(version, /^version = "(.*)"/m.exec(workspace)[1]);
  assert.equal(license, /^license = "(.*)"/m.exec(workspace)[1]);
  assert.equal(read('LICENSE'), readFileSync(`${folder}/../../LICENSE`, 'utf8'));
});

test('the methods of the RPC are those of the OpenRPC document', () => {
  execFileSync('node', ['scripts/rpc.mjs', '--check'], { cwd: folder });
  const document = JSON.parse(readFileSync(`${folder}/../../docs/openrpc.json`, 'utf8'));
  const names = Object.entries(rpc).flatMap(([section, methods]) => Object.keys(methods).map((name) => `${section}_${name}`));
  assert.deepEqual(names.sort(), document.methods.map(({ name }) => name).sort());
});

test('the WASM was built from these sources', () => {
  const script = `${folder}/../wasm/build.sh`;
  assert.ok(existsSync(script));
  execFileSync(script, ['--check'], { stdio: ['ignore', 'ignore', 'inherit'] });
});
