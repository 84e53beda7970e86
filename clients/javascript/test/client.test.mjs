// The client against a provider in memory: honest, lying, and failing.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CHUNK_BYTES, fromHex, hashContent, keypairSigner, Provider, toHex, walletSigner } from 'cairn-storage-client';
import { FakeProvider } from './fake-provider.mjs';
import { content, member, now, proofs, signatures } from './vectors.mjs';

const BUCKET = BigInt(signatures.bucket);
const { providerKey } = signatures;
let fake;
let pauses;

beforeEach(async () => {
  fake = await FakeProvider.start([300]);
  pauses = [];
});
afterEach(() => fake.stop());

const client = (options = {}) => new Provider({
  url: fake.url, providerKey, signer: keypairSigner(member()), now, sleep: async (ms) => { pauses.push(ms); }, ...options,
});
const count = (route) => fake.asked.filter((one) => one === route).length;
const big = content(3 * CHUNK_BYTES - 5);

test('an upload is split, committed, proven and read back', async () => {
  const bucket = client().bucket(BUCKET);
  const progress = [];
  const { parts, commitment } = await bucket.upload(big, { onProgress: (state) => progress.push(state) });
  assert.deepEqual(parts.map(({ size, sequence }) => [size, sequence]), [[524_288n, 1n], [262_139n, 2n]]);
  assert.equal(commitment.leafCount, 3n);
  assert.equal(commitment.isVerified, true);
  assert.deepEqual(progress.at(-1), { sent: big.length, total: big.length });
  assert.deepEqual(parts.map(({ dataRoot }) => toHex(dataRoot)), (await hashContent(big)).map(({ dataRoot }) => toHex(dataRoot)));
  assert.ok(Buffer.from(await bucket.download(parts.map(({ sequence }) => sequence))).equals(big));
});

test('what the bucket holds is not sent again', async () => {
  const bucket = client().bucket(BUCKET);
  await bucket.upload(big);
  const before = count('PUT /node');
  // The first part's node, and no chunk.
  fake.refuse = (route) => (route === 'POST /commit' ? [507, 'quota_exceeded'] : undefined);
  await assert.rejects(bucket.upload(big), { code: 'quota_exceeded' });
  assert.equal(count('PUT /node') - before, 1);
});

test('a Blob and a reader of ranges are uploaded like bytes', async () => {
  const bytes = content(100);
  const reader = { size: 100, read: async (start, end) => bytes.subarray(start, end) };
  for (const given of [new Blob([bytes]), bytes.buffer, reader]) {
    assert.equal(toHex((await hashContent(given))[0].dataRoot), toHex((await hashContent(bytes))[0].dataRoot));
  }
  await client().bucket(BUCKET).upload(new Blob([bytes]));
  const short = { size: 100, read: async () => bytes.subarray(0, 50) };
  await assert.rejects(hashContent(short), RangeError);
});

test('with padding, content is one leaf as in the vectors', async () => {
  const { dataRoot } = proofs.contents.find(({ profile, size }) => profile === 'plain' && size === String(big.length));
  assert.deepEqual((await hashContent(big, { padding: true })).map((part) => toHex(part.dataRoot)), [dataRoot]);
  fake.refuse = (route) => (route === 'POST /commit' ? [422, 'padding_refused'] : undefined);
  await assert.rejects(client().bucket(BUCKET).upload(big, { padding: true }), { code: 'padding_refused' });
  const read = await client().download({ dataRoot, size: big.length });
  assert.ok(Buffer.from(read).equals(big));
});

test('a range is cut out of whole chunks', async () => {
  const { parts: [first] } = await client().bucket(BUCKET).upload(big);
  const provider = client();
  for (const [offset, length] of [[0, 1], [CHUNK_BYTES - 1, 2], [5, 0], [CHUNK_BYTES, CHUNK_BYTES], [2 * CHUNK_BYTES, 0]]) {
    const found = await provider.download(first, { offset, length });
    assert.deepEqual(Buffer.from(found), Buffer.from(big.subarray(offset, offset + length)), `${offset} ${length}`);
  }
  await assert.rejects(provider.download(first, { offset: 2 * CHUNK_BYTES, length: 1 }), RangeError);
});

test('empty content is one empty chunk, and proven', async () => {
  await fake.stop();
  fake = await FakeProvider.start([0]);
  assert.equal((await client().bucket(BUCKET).download([0n])).length, 0);
  fake.bend = (route, answer) => (route === 'GET /chunk_proof' ? { ...answer, chunk_data: 'AA==' } : answer);
  await assert.rejects(client().bucket(BUCKET).download([0n]), { code: 'chunkLength' });
});

test('other bytes under their own hash are refused: the data root decides', async () => {
  const other = Buffer.from(content(300)).reverse();
  fake.bend = (route, answer) => {
    if (route !== 'GET /read') return answer;
    // The hash in the answer is that of the bytes in it, as a client of today's would check.
    return { chunks: [{ ...answer.chunks[0], data: other.toString('base64') }] };
  };
  await assert.rejects(client().bucket(BUCKET).download([0n]), { name: 'VerificationError', code: 'dataRoot' });
});

test('chunks in another order, too few or too many are refused', async () => {
  const bucket = client().bucket(BUCKET);
  const { parts: [{ sequence }] } = await bucket.upload(big);
  fake.bend = (route, answer) => (route === 'GET /read' ? { chunks: answer.chunks.toReversed() } : answer);
  await assert.rejects(bucket.download([sequence]), { code: 'dataRoot' });
  fake.bend = (route, answer) => (route === 'GET /read' ? { chunks: answer.chunks.slice(1) } : answer);
  await assert.rejects(bucket.download([sequence]), { name: 'AnswerError' });
  fake.bend = (route, answer) => (route === 'GET /read' ? { chunks: [...answer.chunks, ...answer.chunks] } : answer);
  await assert.rejects(bucket.download([sequence]), { name: 'AnswerError' });
});

test('the bytes of an inner node do not pass as content', async () => {
  const bucket = client().bucket(BUCKET);
  const { parts: [{ dataRoot, size, sequence }] } = await bucket.upload(big);
  const nodes = await Promise.all([0, 1].map((index) => client().chunkProof({ dataRoot, size }, index)));
  const forged = Buffer.concat(nodes.map(({ proof }) => proof.siblings[0]).reverse());
  fake.bend = (route, answer) => (route === 'GET /read' ? { chunks: [{ data: forged.toString('base64'), proof: [] }] } : answer);
  // By its own hash it is the data root.
  assert.equal(toHex((await client().verifier()).hashChunk(forged)), toHex(dataRoot));
  await assert.rejects(bucket.download([sequence]), { name: 'AnswerError' });
  await assert.rejects(client().download({ dataRoot, size }, { length: 1 }), { code: 'chunkLength' });
});

test('a leaf of another size is refused, though the size is all that was changed', async () => {
  fake.bend = (route, answer) => (route === 'GET /mmr_proof' ? { ...answer, leaf: { ...answer.leaf, data_size: 64 } } : answer);
  await assert.rejects(client().bucket(BUCKET).leaf(0n), { name: 'VerificationError', code: 'notUnderItsPeak' });
  assert.equal(count('GET /mmr_proof'), 5);
});

test('a proof for a newer state is asked for again', async () => {
  const bucket = client().bucket(BUCKET);
  const old = await bucket.commitment();
  await bucket.upload(big);
  let first = true;
  fake.bend = (route, answer) => {
    if (route !== 'GET /commitment' || !first) return answer;
    first = false;
    return { bucket_id: 7, mmr_root: toHex(old.mmrRoot), start_seq: 0, leaf_count: 1, provider_signature: toHex(old.signature) };
  };
  const { commitment } = await bucket.leaf(0n);
  assert.equal(commitment.leafCount, 3n);
});

test('a commitment counts only with the signature of the provider\'s key', async () => {
  await client().bucket(BUCKET).commitment();
  await client().bucket(BUCKET).checkpointSignature();
  const other = client({ providerKey: signatures.memberKey }).bucket(BUCKET);
  await assert.rejects(other.commitment(), { name: 'VerificationError', code: 'signature' });
  assert.throws(() => client({ providerKey: undefined }), /providerKey is missing/);
  const trusting = await client({ providerKey: null }).bucket(BUCKET).commitment();
  assert.equal(trusting.isVerified, false);

  for (const bent of [{ leaf_count: 2 }, { start_seq: 1 }, { nonce: 5 }, { mmr_root: `0x${'00'.repeat(32)}` }]) {
    fake.bend = (_, answer) => ({ ...answer, ...bent });
    await assert.rejects(client().bucket(BUCKET).commitment(), { code: 'signature' }, JSON.stringify(bent));
  }
  for (const bent of [{ bucket_id: 8 }, { leaf_count: -1 }, { leaf_count: '1' }, { leaf_count: 2 ** 63 * 4 }, { mmr_root: '0x00' }, { provider_signature: null }]) {
    fake.bend = (_, answer) => ({ ...answer, ...bent });
    await assert.rejects(client().bucket(BUCKET).commitment(), { name: 'AnswerError' }, JSON.stringify(bent));
  }
});

test('a provider that commits something else is found out', async () => {
  fake.bend = (route, answer) => (route === 'POST /commit' ? { ...answer, leaf_indices: [0, 1] } : answer);
  await assert.rejects(client().bucket(BUCKET).upload(big), { code: 'anotherLeaf' });
});

test('indices that no leaf has are refused', async () => {
  for (const leafIndices of [[9], [], [1, 1], ['1'], null]) {
    await fake.stop();
    fake = await FakeProvider.start([300]);
    fake.bend = (route, answer) => (route === 'POST /commit' ? { ...answer, leaf_indices: leafIndices } : answer);
    await assert.rejects(client().bucket(BUCKET).upload(content(100)), { name: 'AnswerError' }, JSON.stringify(leafIndices));
  }
});

test('requests are signed in both forms, and a header serves many', async () => {
  let asked = 0;
  const wallet = {
    signRaw: async ({ address, data, type }) => {
      asked += 1;
      assert.deepEqual([address, type], ['5member', 'bytes']);
      const text = `<Bytes>${new TextDecoder().decode(fromHex(data))}</Bytes>`;
      return { signature: member({ form: 'wrapped' }).sign(new TextEncoder().encode(text)) };
    },
  };
  const signer = walletSigner(wallet, { address: '5member', publicKey: signatures.memberKey });
  await client({ signer }).bucket(BUCKET).upload(big);
  // One for each method: GET, PUT, POST.
  assert.equal(asked, 3);
  const wrapping = keypairSigner(member({ form: 'wrapped' }), { wrap: true });
  await client({ signer: wrapping }).bucket(BUCKET).upload(content(100));
});

test('a signature with the index of its scheme is taken, and one of another message is not', async () => {
  const indexed = { publicKey: signatures.memberKey, sign: (message) => `0x01${member().sign(message).slice(2)}` };
  await client({ signer: keypairSigner(indexed) }).bucket(BUCKET).putChunk(content(5));
  const wrong = { publicKey: signatures.memberKey, sign: () => signatures.headers[0].raw };
  await assert.rejects(client({ signer: keypairSigner(wrong) }).bucket(BUCKET).putChunk(content(5)), { name: 'SignerError' });
});

test('without a signer a write is refused, and a public read is not', async () => {
  const stranger = client({ signer: undefined });
  await assert.rejects(stranger.bucket(BUCKET).putChunk(content(5)), { name: 'ApiError', status: 401, code: 'auth_required' });
  await stranger.bucket(BUCKET).download([0n]);
});

test('what is busy is asked again, with pauses, and what is refused is not', async () => {
  fake.refuse = (route, times) => (times <= 2 ? [503, 'busy'] : undefined);
  await client().health();
  assert.deepEqual(pauses, [250, 500]);
  fake.refuse = () => [503, 'busy', { 'retry-after': '2' }];
  pauses = [];
  await assert.rejects(client().bucket(BUCKET).commitment(), { status: 503, code: 'busy' });
  assert.deepEqual(pauses, [2000, 2000, 2000]);
  for (const status of [400, 403, 404, 422, 429, 500, 507]) {
    pauses = [];
    fake.refuse = () => [status, 'code'];
    await assert.rejects(client().health(), { status, code: 'code' });
    assert.deepEqual(pauses, []);
  }
});

test('a commit or terms whose answer is lost are not asked for twice', async () => {
  const provider = client();
  fake.refuse = () => ['drop'];
  await assert.rejects(provider.health());
  assert.equal(count('GET /health'), 4);
  await assert.rejects(provider.bucket(BUCKET).commit([fake.dataRoot(0)]));
  assert.equal(count('POST /commit'), 1);
  await assert.rejects(provider.negotiate({ owner: '5x', maxBytes: 1, duration: 1, pricePerByte: 1 }));
  assert.equal(count('POST /negotiate'), 1);
  fake.refuse = () => [503, 'too_late'];
  await assert.rejects(provider.bucket(BUCKET).commit([fake.dataRoot(0)]), { code: 'too_late' });
  assert.equal(count('POST /commit'), 2);
});

test('terms keep numbers above 2^53', async () => {
  const { terms, signature } = await client().negotiate({ owner: '5x', maxBytes: 2n ** 63n, duration: 5, pricePerByte: 2n ** 100n });
  assert.deepEqual([terms.max_bytes, terms.nonce, terms.of], [2n ** 63n, 2n ** 64n - 1n, 2n ** 100n]);
  assert.equal(signature.length, 65);
});

test('an answer without end is cut off, and one that is no JSON is an error', async () => {
  fake.bend = () => 'x'.repeat(2 << 20);
  await assert.rejects(client().health(), /more than 1048576 bytes/);
  assert.equal(count('GET /health'), 1);
  for (const text of ['', '{', 'null', '[]', '{"chunks":7}', '{"chunks":[null]}', '{"chunks":[{"data":"*","proof":[]}]}', '{"chunks":[{"data":"","proof":[1]}]}']) {
    fake.bend = () => text;
    await assert.rejects(client().download({ dataRoot: fake.dataRoot(0), size: 300 }), (error) => ['AnswerError', 'VerificationError'].includes(error.name), text);
  }
});

test('a signed header follows no redirect', async () => {
  fake.refuse = () => [307, 'moved', { location: 'http://127.0.0.1:9/' }];
  await assert.rejects(client({ attempts: 1 }).bucket(BUCKET).putChunk(content(5)), TypeError);
});

test('a request that the caller gives up is not repeated', async () => {
  const stop = new AbortController();
  fake.refuse = () => {
    stop.abort(new Error('enough'));
    return ['drop'];
  };
  await assert.rejects(client().health({ signal: stop.signal }), /enough/);
  assert.equal(count('GET /health'), 1);
});
