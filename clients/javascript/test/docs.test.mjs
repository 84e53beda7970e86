// Runs the examples of docs/clients/javascript.md and of the README against a provider in memory.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { FakeProvider } from './fake-provider.mjs';
import { content, member, now, signatures } from './vectors.mjs';

const AsyncFunction = (async () => {}).constructor;
const realNow = Date.now;
before(() => { Date.now = now; });
after(() => { Date.now = realNow; });

function examples (name) {
  const text = readFileSync(new URL(name, import.meta.url), 'utf8');
  return [...text.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, code]) => code);
}

/** Runs an example as a function, with what its text takes for given, and returns what it logs. */
async function run (code, given) {
  const body = code.replace(/^import (\{.*?\}) from ('.*?');$/gm, 'const $1 = await load_($2);');
  const logged = [];
  const names = { ...given, load_: (name) => import(name), console: { log: (...values) => logged.push(...values) } };
  await new AsyncFunction(...Object.keys(names), body)(...Object.values(names));
  return logged;
}

const page = '../../../docs/clients/javascript.md';
const expected = [
  // "some content" is in no state that the vectors have a signature of, so the page's text is changed.
  (logged) => assert.deepEqual(logged, [new TextDecoder().decode(content(100)), 2n]),
  (logged) => assert.deepEqual(logged, [50]),
  (logged) => assert.deepEqual(logged, ['dataRoot']),
  ([names]) => assert.ok(names.includes('mmrProof')),
];

test('each example of the page runs', async () => {
  const found = examples(page);
  assert.equal(found.length, expected.length);
  for (const [i, code] of found.entries()) {
    const fake = await FakeProvider.start([300]);
    const given = { url: fake.url, providerKey: signatures.providerKey, pair: member(), bytes_: content(100) };
    expected[i](await run(code.replace("['some content']", '[bytes_]'), given));
    await fake.stop();
  }
});

test('the example of the README runs', async () => {
  const [code, ...others] = examples('../README.md');
  assert.equal(others.length, 0);
  const fake = await FakeProvider.start([300]);
  const given = { url_: fake.url, providerKey: signatures.providerKey, pair: member(), file: new Blob([content(100)]) };
  await run(code.replace("'http://127.0.0.1:3333'", 'url_'), given);
  assert.ok(fake.asked.includes('POST /commit') && fake.asked.includes('GET /read'));
  await fake.stop();
});
