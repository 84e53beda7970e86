// The examples that need a node are run by `clients/run.sh`. What they verify with is tested here
// with the answers in the OpenRPC document, which a real provider gave.

import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';

// A copy within this package, which finds the package by its name; the examples install it.
const copy = new URL(`copy-of-verify-${process.pid}.mjs`, import.meta.url);
copyFileSync(new URL('../examples/verify.mjs', import.meta.url), copy);
after(() => rmSync(copy));
const { refusesAlteredProofs, verifySigned } = await import(copy);

const document = JSON.parse(readFileSync(new URL('../../../docs/openrpc.json', import.meta.url), 'utf8'));
const example = (name) => document.methods.find((method) => method.name === name).examples[0];

test('the document\'s commitment and proof of a leaf hold, and altered ones do not', async () => {
  const proof = example('cairnBucket_v1_mmrProof').result.value;
  const { mmrRoot, startSeq, leafCount } = proof.commitment;
  const commitment = { mmrRoot, startSeq, leafCount };
  await refusesAlteredProofs(proof, proof.leaf.leafIndex, commitment);
  const signed = example('cairnBucket_v1_commitment').result.value;
  const other = { ...signed, commitment: { ...signed.commitment, leafCount: signed.commitment.leafCount + 1 } };
  await assert.rejects(verifySigned(other), /of another commitment/);
  // The document's signatures are masked, since they are other ones at each run.
  await assert.rejects(verifySigned(signed), { name: 'VerificationError' });
});
