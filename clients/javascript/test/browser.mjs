// Runs the package in a real browser: Chromium loads it from a static server, verifies the vectors,
// and reads from a provider. Said by itself: `node test/browser.mjs`. It needs `chromium` on the
// path, or CHROMIUM with its program.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FakeProvider } from './fake-provider.mjs';
import { content, signatures } from './vectors.mjs';

const clients = fileURLToPath(new URL('../..', import.meta.url));
const types = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm', '.html': 'text/html' };
const WAIT_MS = 120_000;

const fake = await FakeProvider.start([300]);
const profile = mkdtempSync(join(tmpdir(), 'cairn-browser-'));
let told;
const report = new Promise((resolve) => { told = resolve; });

// The files, the provider below /provider, and the page's report.
const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://static');
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = parts.length ? Buffer.concat(parts) : undefined;
  if (url.pathname === '/report') {
    told(JSON.parse(body));
    response.end();
  } else if (url.pathname.startsWith('/provider/')) {
    const { authorization } = request.headers;
    const answer = await fetch(fake.url + request.url.slice('/provider'.length), {
      method: request.method, body, headers: { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) },
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  } else {
    try {
      const bytes = readFileSync(join(clients, normalize(url.pathname)));
      response.writeHead(200, { 'content-type': types[extname(url.pathname)] ?? 'application/octet-stream' }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const browser = spawn(process.env.CHROMIUM ?? 'chromium', [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', `--user-data-dir=${profile}`,
  `http://127.0.0.1:${server.address().port}/javascript/test/browser.html`,
], { stdio: ['ignore', 'ignore', 'pipe'] });
let log = '';
browser.stderr.on('data', (text) => { log = (log + text).slice(-10_000); });
const gone = new Promise((resolve) => {
  browser.on('error', (error) => resolve({ error: `no browser: ${error.message}` }));
  browser.on('exit', (code) => resolve({ error: `the browser ended with ${code}\n${log}` }));
});
const late = new Promise((resolve) => {
  setTimeout(() => resolve({ error: `no report within ${WAIT_MS / 1000} s\n${log}` }), WAIT_MS).unref();
});

const result = await Promise.race([report, gone, late]);
browser.kill();
await gone;
await Promise.all([fake.stop(), new Promise((resolve) => server.close(resolve))]);
rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

assert.equal(result.error, undefined);
assert.match(result.agent, /Chrome/);
assert.ok(result.accepted >= 60 && result.refused >= 60, JSON.stringify(result));
assert.equal(result.downloaded, Buffer.from(content(300)).toString('hex'));
assert.equal(result.uploaded, 2);
assert.equal(result.forged, 'dataRoot');
console.log(`in ${result.agent}: ${result.accepted} proofs accepted, ${result.refused} refused; bucket ${signatures.bucket} read and written`);
