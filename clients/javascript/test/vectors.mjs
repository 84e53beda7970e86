// The vectors that cairn-primitives wrote, and content as they define it.

import { readFileSync } from 'node:fs';
import { CHUNK_BYTES } from 'cairn-storage-client';

const read = (name) => JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8'));

export const proofs = read('proofs.json');
export const signatures = read('signatures.json');

export function content (size) {
  return Uint8Array.from({ length: size }, (_, i) => (7 * i + 13 * (i >> 8) + 101 * (i >> 18)) & 0xff);
}

export function chunks (bytes) {
  if (bytes.length === 0) return [bytes];
  return Array.from({ length: Math.ceil(bytes.length / CHUNK_BYTES) }, (_, k) => bytes.subarray(k * CHUNK_BYTES, (k + 1) * CHUNK_BYTES));
}

/** A leaf proof of the vectors, with numbers as bigints. */
export function leafProof ({ leaf, peaks, leafProof: path }) {
  return {
    leaf: { dataRoot: leaf.dataRoot, dataSize: BigInt(leaf.dataSize), totalSize: BigInt(leaf.totalSize) },
    peaks,
    leafProof: path,
  };
}

/** The member's key pair: it signs what the vectors have signatures of. */
export function member ({ form = 'raw' } = {}) {
  const texts = (header) => ({ raw: header.message, wrapped: `<Bytes>${header.message}</Bytes>` });
  return {
    publicKey: signatures.memberKey,
    sign (message) {
      const text = new TextDecoder().decode(message);
      const header = signatures.headers.find((one) => texts(one)[form] === text);
      if (!header) throw new Error(`the vectors have no ${form} signature of ${text}`);
      return header[form];
    },
  };
}

/** The time of those signatures. */
export const now = () => Number(signatures.seconds) * 1000;
