// Verifies what the JSON-RPC answers, and checks that altered proofs are refused.

import { fromHex, load, toHex } from 'cairn-storage-client';

/** Numbers above 2^53 - 1 are hex. */
const number = (value) => BigInt(value);

/** Returns the commitment that a provider has signed. Whether the signer's key is the provider's on chain is for the caller to check. */
export async function verifySigned (signed) {
  const { plain } = await load();
  const { mmrRoot, startSeq, leafCount } = signed.commitment;
  const commitment = { mmrRoot, startSeq: number(startSeq), leafCount: number(leafCount) };
  // On chains whose payloads have a nonce, the signed bytes end with it.
  const payload = fromHex(signed.payload);
  if (payload.length === 65) commitment.nonce = new DataView(payload.buffer).getBigUint64(57, true);
  if (toHex(plain.commitmentPayload(number(signed.bucket), commitment)) !== signed.payload) {
    throw new Error('the signed bytes are of another commitment');
  }
  plain.verifyCommitment({ commitment, signature: signed.signature, providerKey: signed.signer, bucket: number(signed.bucket) });
  return commitment;
}

async function verifyLeaf (proof, index, commitment) {
  const { plain } = await load();
  const { dataRoot, dataSize, totalSize } = proof.leaf;
  const leaf = { dataRoot, dataSize: number(dataSize), totalSize: number(totalSize) };
  plain.verifyLeaf({ leaf, peaks: proof.peaks, leafProof: proof.leafProof, index, commitment });
}

/** Verifies a leaf, and checks that altered proofs of it are refused. */
export async function refusesAlteredProofs (proof, index, commitment) {
  await verifyLeaf(proof, index, commitment);
  const alterations = [
    (copy) => { copy.leaf.dataSize = number(copy.leaf.dataSize) + 1n; },
    (copy) => { copy.peaks.pop(); },
    (copy) => { copy.leafProof.path.push(false); },
  ];
  const refused = async (copy, at) => verifyLeaf(copy, at, commitment).then(() => false, () => true);
  for (const alter of alterations) {
    const copy = structuredClone(proof);
    alter(copy);
    if (!await refused(copy, index)) throw new Error(`an altered proof is accepted: ${alter}`);
  }
  if (!await refused(proof, index + 1)) throw new Error('the proof of another leaf is accepted');
}
