// The verifier in WASM against the vectors of cairn-primitives.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, load, toHex, Verifier } from 'cairn-storage-client';
import { chunks, content, leafProof, proofs, signatures } from './vectors.mjs';

const verifiers = await load();
const refusal = (code) => (error) => {
  assert.equal(error.name, 'VerificationError', error.stack);
  assert.equal(error.code, code);
  return true;
};

test('hashes are those of the vectors', () => {
  for (const { profile, chunk, empty } of proofs.hashes) {
    assert.equal(toHex(verifiers[profile].hashChunk(chunk.bytes)), chunk.hash);
    assert.equal(toHex(verifiers[profile].hashChunk(new Uint8Array())), empty);
  }
});

test('content is split into the same parts', () => {
  for (const { size, parts } of proofs.splits) {
    assert.deepEqual(verifiers.plain.splitWithoutPadding(BigInt(size)).map(String), parts);
  }
});

test('content of every size has its root, its nodes and its proofs', () => {
  for (const { profile, size, chunks: count, dataRoot, nodes, chunkProofs } of proofs.contents) {
    const verifier = verifiers[profile];
    const bytes = content(Number(size));
    assert.equal(String(verifier.chunkCount(BigInt(size))), count);
    const hasher = verifier.contentHasher();
    const found = chunks(bytes).flatMap((chunk) => hasher.push(chunk));
    const end = hasher.finish();
    assert.equal(toHex(end.dataRoot), dataRoot);
    assert.equal(String(end.size), size);
    assert.deepEqual([...found, ...end.nodes].map(({ hash, left, right }) => [hash, left, right].map(toHex)), nodes);
    chunks(bytes).forEach((chunk, index) => {
      const proof = chunkProofs[index];
      verifier.verifyChunk({ chunk, index, proof, dataRoot, size: BigInt(size) });
      verifier.verifyChunk({ chunk, index, proof: { siblings: proof.siblings }, dataRoot, size: BigInt(size) });
    });
  }
});

test('a chunk after one that is not full is refused', () => {
  const hasher = verifiers.plain.contentHasher();
  hasher.push(new Uint8Array(5));
  assert.throws(() => hasher.push(new Uint8Array(5)), refusal('shape'));
  hasher.free();
});

test('every leaf at every leaf count is accepted', () => {
  for (const { profile, leafIndex, leafCount, root, proof } of proofs.leaves) {
    const commitment = { mmrRoot: root, leafCount: BigInt(leafCount) };
    verifiers[profile].verifyLeaf({ ...leafProof(proof), index: BigInt(leafIndex), commitment });
  }
});

test('forged leaves are refused, each for its reason', () => {
  for (const { profile, leafIndex, leafCount, root, proof, code } of proofs.refusedLeaves) {
    const commitment = { mmrRoot: root, leafCount: BigInt(leafCount) };
    assert.throws(() => verifiers[profile].verifyLeaf({ ...leafProof(proof), index: BigInt(leafIndex), commitment }), refusal(code));
  }
});

test('forged chunks are refused, each for its reason', () => {
  for (const { profile, chunk: given, chunkIndex, proof, dataRoot, dataSize, code } of proofs.refusedChunks) {
    let chunk = given.bytes === undefined ? chunks(content(given.chunkOf))[given.index] : fromHex(given.bytes);
    chunk = chunk.subarray(0, chunk.length - (given.without ?? 0));
    const forged = { chunk, index: BigInt(chunkIndex), proof, dataRoot, size: BigInt(dataSize) };
    assert.throws(() => verifiers[profile].verifyChunk(forged), refusal(code));
  }
});

test('a proof of one profile is none of the other', () => {
  const { root, proof, leafCount, leafIndex } = proofs.leaves.find((one) => one.profile === 'plain' && one.leafCount === '7');
  const commitment = { mmrRoot: root, leafCount: BigInt(leafCount) };
  assert.throws(() => verifiers.tagged.verifyLeaf({ ...leafProof(proof), index: BigInt(leafIndex), commitment }), refusal('notUnderItsPeak'));
});

test('responses hold for their challenge only', () => {
  for (const { profile, response, leafIndex, chunkIndex, leafCount, root } of proofs.responses) {
    const challenge = { response, leafIndex: BigInt(leafIndex), chunkIndex: BigInt(chunkIndex), commitment: { mmrRoot: root, leafCount: BigInt(leafCount) } };
    const verifier = verifiers[profile];
    verifier.verifyResponse(challenge);
    assert.throws(() => verifier.verifyResponse({ ...challenge, leafIndex: (BigInt(leafIndex) + 1n) % 5n }), { name: 'VerificationError' });
    assert.throws(() => verifier.verifyResponse({ ...challenge, response: fromHex(response).subarray(1) }), refusal('malformed'));
    assert.throws(() => verifier.verifyResponse({ ...challenge, response: '0x02' }), refusal('malformed'));
  }
});

test('a whole answer holds only with all of its parts', () => {
  const { plain } = verifiers;
  const signed = signatures.commitments.find(({ sizes }) => sizes.length === 1 && sizes[0] === 300);
  const chunk = content(300);
  const dataRoot = plain.hashChunk(chunk);
  // One leaf is its own root, and its hash is in the signed bytes after version and bucket.
  const mmrRoot = fromHex(signed.payload).slice(9, 41);
  const answer = {
    commitment: { mmrRoot, startSeq: 0, leafCount: 1 },
    signature: signed.signature,
    providerKey: signatures.providerKey,
    bucket: BigInt(signatures.bucket),
    leafIndex: 0,
    mmrProof: { leaf: { dataRoot, dataSize: 300, totalSize: 300 }, peaks: [mmrRoot], leafProof: { siblings: [], path: [] } },
    chunkIndex: 0,
    chunk,
    chunkProof: { siblings: [], path: [] },
  };
  plain.verifyAnswer(answer);
  assert.throws(() => plain.verifyAnswer({ ...answer, bucket: 8n }), refusal('signature'));
  assert.throws(() => plain.verifyAnswer({ ...answer, providerKey: signatures.memberKey }), refusal('signature'));
  assert.throws(() => plain.verifyAnswer({ ...answer, signature: `0x00${signed.signature.slice(4)}` }), refusal('signatureScheme'));
  assert.throws(() => plain.verifyAnswer({ ...answer, commitment: { ...answer.commitment, leafCount: 2 } }), refusal('signature'));
  assert.throws(() => plain.verifyAnswer({ ...answer, leafIndex: 1 }), refusal('noSuchLeaf'));
  assert.throws(() => plain.verifyAnswer({ ...answer, chunk: content(299) }), refusal('chunkLength'));
  assert.throws(() => plain.verifyAnswer({ ...answer, chunk: content(300).reverse() }), refusal('dataRoot'));
});

test('signed bytes are those of the vectors', () => {
  for (const { bucket, root, startSeq, leafCount, nonce, payload } of proofs.payloads) {
    const commitment = { mmrRoot: root, startSeq: BigInt(startSeq), leafCount: BigInt(leafCount), nonce: nonce && BigInt(nonce) };
    assert.equal(toHex(verifiers.plain.commitmentPayload(BigInt(bucket), commitment)), payload);
  }
});

test('numbers that WASM would wrap are refused before', () => {
  const { plain } = verifiers;
  for (const size of [-1, -1n, 1n << 64n, 0.5, 2 ** 53, NaN, '1', null]) assert.throws(() => plain.chunkCount(size), RangeError);
  assert.throws(() => plain.verifyChunk({ chunk: new Uint8Array(), index: 1n << 64n, proof: { siblings: [] }, dataRoot: new Uint8Array(32), size: 0 }), RangeError);
  assert.throws(() => new Verifier('other'), TypeError);
});

test('proofs that are too long are refused before they are copied', () => {
  const siblings = Array(65).fill(new Uint8Array(32));
  assert.throws(() => verifiers.plain.verifyChunk({ chunk: new Uint8Array(1), index: 0, proof: { siblings }, dataRoot: new Uint8Array(32), size: 1 }), RangeError);
});
