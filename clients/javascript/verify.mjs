// Verifies a leaf's proof as the deployed chain does, with the leaf bound to its
// index as the strict chain does.

import { u8aConcat, u8aEq, u8aToHex, hexToU8a, bnToU8a } from '@polkadot/util';
import { blake2AsU8a } from '@polkadot/util-crypto';

const hash = (...parts) => blake2AsU8a(u8aConcat(...parts), 256);
const u64 = (number) => bnToU8a(BigInt(number), { bitLength: 64, isLe: true });

// The mountains of a tree of so many leaves, left to right, by their leaves.
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
  if (sizes.length !== peaks.length) throw new Error('as many peaks as mountains are needed');
  let mountain = 0;
  while (index >= sizes[mountain]) {
    index -= sizes[mountain];
    mountain += 1;
    if (mountain === sizes.length) throw new Error('there is no such leaf');
  }

  let node = hash(hexToU8a(leaf.dataRoot), u64(leaf.dataSize), u64(leaf.totalSize));
  if (sizes[mountain] !== 1n << BigInt(leafProof.path.length)) throw new Error('a path of another length');
  leafProof.path.forEach((isRight, level) => {
    if (isRight !== Boolean((index >> BigInt(level)) & 1n)) throw new Error('a path to another leaf');
    const sibling = hexToU8a(leafProof.siblings[level]);
    node = isRight ? hash(sibling, node) : hash(node, sibling);
  });
  if (!u8aEq(node, hexToU8a(peaks[mountain]))) throw new Error('the path ends on another peak');

  const bagged = peaks.map((peak) => hexToU8a(peak)).reduceRight((rest, peak) => hash(peak, rest));
  if (u8aToHex(bagged) !== root) throw new Error('the peaks are of another root');
}

// A proof that says anything else must not pass.
export function refusesWhatIsBent (proof, root) {
  const bent = [
    (copy) => { copy.leaf.dataSize += 1; },
    (copy) => { copy.leaf.leafIndex += 1; },
    (copy) => { copy.peaks.pop(); },
  ];
  for (const bend of bent) {
    const copy = structuredClone(proof);
    bend(copy);
    let refused = false;
    try { verifyLeaf(copy, root); } catch { refused = true; }
    if (!refused) throw new Error(`a proof that was bent passes: ${bend}`);
  }
}
