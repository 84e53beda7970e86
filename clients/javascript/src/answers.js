// The forms of answers, checked: a provider may answer with anything.

import { AnswerError } from './errors.js';
import { fromBase64, fromHex, u64 } from './bytes.js';
import { CHUNK_BYTES } from './content.js';

const MAX_PATH = 64;
/** A signature of any scheme, with its index. */
const MAX_SIGNATURE = 66;

function checked (what, read) {
  try {
    return read();
  } catch (error) {
    throw new AnswerError(`${what}: ${error.message}`);
  }
}

export const number = (value, what) => checked(what, () => u64(value));

export function hash (value, what) {
  return checked(what, () => {
    const bytes = fromHex(value);
    if (bytes.length !== 32) throw new RangeError('a hash has 32 bytes');
    return bytes;
  });
}

export function list (value, most, what) {
  if (!Array.isArray(value) || value.length > most) throw new AnswerError(`${what}: expected a list of up to ${most}`);
  return value;
}

export const hashes = (value, most, what) => list(value, most, what).map((item) => hash(item, what));

export function path (value, what) {
  const bits = list(value?.path, MAX_PATH, what);
  if (bits.some((bit) => typeof bit !== 'boolean')) throw new AnswerError(`${what}: expected a path`);
  return { siblings: hashes(value.siblings, MAX_PATH, what), path: bits };
}

export function siblings (value, what) {
  return hashes(value, MAX_PATH, what);
}

export function chunk (value, what) {
  const bytes = checked(what, () => fromBase64(value));
  if (bytes.length > CHUNK_BYTES) throw new AnswerError(`${what}: ${bytes.length} bytes`);
  return bytes;
}

export function commitment (answer) {
  const what = 'a commitment';
  const signature = checked(what, () => fromHex(answer?.provider_signature));
  if (signature.length > MAX_SIGNATURE) throw new AnswerError(`${what}: a signature of ${signature.length} bytes`);
  return {
    mmrRoot: hash(answer.mmr_root, what),
    startSeq: number(answer.start_seq, what),
    leafCount: number(answer.leaf_count, what),
    nonce: answer.nonce === undefined || answer.nonce === null ? null : number(answer.nonce, what),
    signature,
  };
}

export function leafProof (answer) {
  const what = 'a leaf proof';
  return {
    leaf: {
      dataRoot: hash(answer?.leaf?.data_root, what),
      dataSize: number(answer.leaf.data_size, what),
      totalSize: number(answer.leaf.total_size, what),
    },
    peaks: hashes(answer.proof?.peaks, MAX_PATH, what),
    leafProof: path(answer.proof, what),
  };
}
