// The verifier: `cairn-primitives` in WASM, with the ranges of numbers checked on this side.

import initialise, * as wasm from '../wasm/cairn_verifier.js';
import { asBytes, concat, u64 } from './bytes.js';
import { VerificationError } from './errors.js';

let loading;

/**
 * Loads the WASM, once. A browser fetches it from next to this package, Node reads it there; a
 * `source` replaces both.
 */
export function load (source) {
  loading ??= begin(source).catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function begin (source) {
  const url = new URL('../wasm/cairn_verifier_bg.wasm', import.meta.url);
  // `fetch` of Node reads no files. This way bundlers for browsers see no import of Node's.
  const files = url.protocol === 'file:' ? globalThis.process?.getBuiltinModule?.('node:fs/promises') : undefined;
  await initialise({ module_or_path: source ?? (files ? files.readFile(url) : url) });
  return Object.freeze({ plain: new Verifier('plain'), tagged: new Verifier('tagged') });
}

// Refusals come as `code: message`.
function judged (call) {
  try {
    return call();
  } catch (error) {
    if (typeof error !== 'string') throw error;
    const end = error.indexOf(': ');
    throw new VerificationError(error.slice(0, end), error.slice(end + 2));
  }
}

const MAX_PATH = 64;

function hashes (list) {
  if (!Array.isArray(list) || list.length > MAX_PATH) throw new RangeError(`expected up to ${MAX_PATH} hashes`);
  return concat(list.map((hash) => asBytes(hash, 32)));
}

function path (bits) {
  if (!Array.isArray(bits) || bits.length > MAX_PATH || bits.some((bit) => typeof bit !== 'boolean')) {
    throw new RangeError(`expected a path of up to ${MAX_PATH} levels`);
  }
  return Uint8Array.from(bits, Number);
}

/** Verifies by one hashing profile. `load` makes both. */
export class Verifier {
  #tagged;

  constructor (profile) {
    if (profile !== 'plain' && profile !== 'tagged') throw new TypeError('the profile is plain or tagged');
    this.profile = profile;
    this.#tagged = profile === 'tagged';
  }

  hashChunk (bytes) {
    return wasm.hashChunk(this.#tagged, asBytes(bytes));
  }

  /** Begins content that is hashed chunk by chunk. Call its `free` if it is given up. */
  contentHasher () {
    const hasher = new wasm.ContentHasher(this.#tagged);
    const nodes = (bytes) => Array.from({ length: bytes.length / 96 }, (_, i) => {
      const at = (place) => bytes.slice(96 * i + 32 * place, 96 * i + 32 * place + 32);
      return { hash: at(0), left: at(1), right: at(2) };
    });
    return {
      push: (chunk) => judged(() => nodes(hasher.push(asBytes(chunk)))),
      finish: () => judged(() => {
        const left = nodes(hasher.finish());
        const result = { dataRoot: hasher.dataRoot, size: hasher.size, nodes: left };
        hasher.free();
        return result;
      }),
      free: () => hasher.free(),
    };
  }

  /** Returns the sizes of parts without padding, in order. */
  splitWithoutPadding (size) {
    return Array.from(wasm.splitWithoutPadding(u64(size)));
  }

  chunkCount (size) {
    return wasm.chunkCount(u64(size));
  }

  chunkLength (index, size) {
    return judged(() => wasm.chunkLength(u64(index), u64(size)));
  }

  /** Throws unless a chunk is the one at its index under a data root. The path may be left out. */
  verifyChunk ({ chunk, index, proof, dataRoot, size }) {
    const place = u64(index);
    // Without a path, the index says it.
    const bits = proof.path ?? proof.siblings.map((_, level) => Boolean((place >> BigInt(level)) & 1n));
    judged(() => wasm.verifyChunk(
      this.#tagged, asBytes(chunk), place, hashes(proof.siblings), path(bits), asBytes(dataRoot, 32), u64(size),
    ));
  }

  /** Throws unless a leaf is the one at its index under a root. */
  verifyLeaf ({ leaf, peaks, leafProof, index, commitment }) {
    judged(() => wasm.verifyLeaf(
      this.#tagged, asBytes(leaf.dataRoot, 32), u64(leaf.dataSize), u64(leaf.totalSize), hashes(peaks),
      hashes(leafProof.siblings), path(leafProof.path), u64(index), u64(commitment.leafCount),
      asBytes(commitment.mmrRoot, 32),
    ));
  }

  /** Throws unless a whole answer holds: signature, leaf and chunk. */
  verifyAnswer ({ commitment, signature, providerKey, bucket, leafIndex, mmrProof, chunkIndex, chunk, chunkProof }) {
    this.verifyCommitment({ commitment, signature, providerKey, bucket });
    this.verifyLeaf({ ...mmrProof, index: leafIndex, commitment });
    const { dataRoot, dataSize } = mmrProof.leaf;
    this.verifyChunk({ chunk, index: chunkIndex, proof: chunkProof, dataRoot, size: dataSize });
  }

  /** Throws unless a `ChallengeResponse` in SCALE answers a challenge, by the chain's rule too. */
  verifyResponse ({ response, leafIndex, chunkIndex, commitment }) {
    judged(() => wasm.verifyResponse(
      this.#tagged, asBytes(response), u64(leafIndex), u64(chunkIndex), u64(commitment.leafCount),
      asBytes(commitment.mmrRoot, 32),
    ));
  }

  /** Returns the bytes that a provider signs for a commitment. */
  commitmentPayload (bucket, { mmrRoot, startSeq, leafCount, nonce }) {
    const time = nonce === undefined || nonce === null ? undefined : u64(nonce);
    return judged(() => wasm.commitmentPayload(u64(bucket), asBytes(mmrRoot, 32), u64(startSeq), u64(leafCount), time));
  }

  /** Throws unless a commitment was signed by a key: a `MultiSignature` in SCALE, of sr25519. */
  verifyCommitment ({ commitment, signature, providerKey, bucket }) {
    const payload = this.commitmentPayload(bucket, commitment);
    judged(() => wasm.verifySignature(payload, asBytes(signature), asBytes(providerKey, 32)));
  }

  /** Throws unless 64 bytes are a key's sr25519 signature of a message. */
  verifySr25519 (message, signature, publicKey) {
    judged(() => wasm.verifySr25519(asBytes(message), asBytes(signature, 64), asBytes(publicKey, 32)));
  }
}
