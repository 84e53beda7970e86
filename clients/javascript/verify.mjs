// Verifies a leaf's proof by the deployed chain's rule, and also that the proof is of that leaf
// index.

import { u8aConcat, u8aEq, u8aToHex, hexToU8a, bnToU8a } from '@polkadot/util';
import { blake2AsU8a } from '@polkadot/util-crypto';

const hash = (...parts) => blake2AsU8a(u8aConcat(...parts), 256);
const u64 = (number) => bnToU8a(BigInt(number), { bitLength: 64, isLe: true });

// The leaf counts of the perfect trees of an MMR, left to right.
function mountains (leafCount) {
  const sizes = [];
  for (let bit = 62n; bit >= 0n; bit -= 1n) {
    if ((leafCount >> bit) & 1n) sizes.push(1n << bit);
  }
  return sizes;
}

export function verifyLeaf (proof, root) {
  const { leaf, leafProof, peaks } = proof;
  let index = BigInt(leaf.leafIndex);
  const sizes = mountains(BigInt(proof.commitment.leafCount));
  if (sizes.length !== peaks.length) throw new Error('the number of peaks does not fit the leaf count');
  let mountain = 0;
  while (index >= sizes[mountain]) {
    index -= sizes[mountain];
    mountain += 1;
    if (mountain === sizes.length) throw new Error('there is no such leaf');
  }

  let node = hash(hexToU8a(leaf.dataRoot), u64(leaf.dataSize), u64(leaf.totalSize));
  if (sizes[mountain] !== 1n << BigInt(leafProof.path.length)) throw new Error('the path has a wrong length');
  leafProof.path.forEach((isRight, level) => {
    if (isRight !== Boolean((index >> BigInt(level)) & 1n)) throw new Error('the path leads to another leaf');
    const sibling = hexToU8a(leafProof.siblings[level]);
    node = isRight ? hash(sibling, node) : hash(node, sibling);
  });
  if (!u8aEq(node, hexToU8a(peaks[mountain]))) throw new Error('the path leads to another peak');

  const bagged = peaks.map((peak) => hexToU8a(peak)).reduceRight((rest, peak) => hash(peak, rest));
  if (u8aToHex(bagged) !== root) throw new Error('the peaks do not bag to the root');
}

// Checks that altered proofs are refused.
export function refusesAlteredProofs (proof, root) {
  const alterations = [
    (copy) => { copy.leaf.dataSize += 1; },
    (copy) => { copy.leaf.leafIndex += 1; },
    (copy) => { copy.peaks.pop(); },
  ];
  for (const alter of alterations) {
    const copy = structuredClone(proof);
    alter(copy);
    let refused = false;
    try { verifyLeaf(copy, root); } catch { refused = true; }
    if (!refused) throw new Error(`an altered proof is accepted: ${alter}`);
  }
}
