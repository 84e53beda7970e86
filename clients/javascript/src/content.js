// Content to upload, read in chunks: bytes, a Blob or File, or anything that reads ranges.

import { load } from './verifier.js';
import { u64 } from './bytes.js';

/** The length of all chunks but the last. */
export const CHUNK_BYTES = 262_144;

/** Returns content with `size` and `read(start, end)`. */
export function contentOf (given) {
  if (given instanceof ArrayBuffer) return contentOf(new Uint8Array(given));
  if (given instanceof Uint8Array) return { size: given.length, read: async (start, end) => given.subarray(start, end) };
  if (typeof Blob !== 'undefined' && given instanceof Blob) {
    return { size: given.size, read: async (start, end) => new Uint8Array(await given.slice(start, end).arrayBuffer()) };
  }
  if (Number.isSafeInteger(given?.size) && given.size >= 0 && typeof given.read === 'function') return given;
  throw new TypeError('expected bytes, a Blob, or an object with size and read');
}

/** Yields the chunks of a range of content: one empty chunk if it is empty. */
export async function * chunksOf (content, start, size) {
  let at = 0;
  do {
    const length = Math.min(CHUNK_BYTES, size - at);
    const bytes = await content.read(start + at, start + at + length);
    if (bytes.length !== length) throw new RangeError('the content ended early');
    yield bytes;
    at += length;
  } while (at < size);
}

/**
 * Returns the leaves that content becomes, in order, with their data roots and sizes. A tree with
 * padding cannot answer every challenge, so content is split unless `padding` is true.
 */
export async function hashContent (given, { profile = 'plain', padding = false } = {}) {
  const verifier = (await load())[profile];
  const content = contentOf(given);
  const parts = [];
  for (const { start, size } of partsOf(verifier, content.size, padding)) {
    const hasher = verifier.contentHasher();
    try {
      for await (const chunk of chunksOf(content, start, size)) hasher.push(chunk);
    } catch (error) {
      hasher.free();
      throw error;
    }
    const { dataRoot } = hasher.finish();
    parts.push({ dataRoot, size: u64(size) });
  }
  return parts;
}

/** Returns the ranges of content that become leaves. */
export function partsOf (verifier, size, padding) {
  let start = 0;
  const sizes = padding ? [BigInt(size)] : verifier.splitWithoutPadding(size);
  return sizes.map((part) => {
    const range = { start, size: Number(part) };
    start += range.size;
    return range;
  });
}
