// A provider: what concerns no bucket, and content by its data root.

import * as answers from './answers.js';
import { BucketClient } from './bucket-client.js';
import { asBytes, concat, toHex, u64 } from './bytes.js';
import { CHUNK_BYTES } from './content.js';
import { AnswerError } from './errors.js';
import { SignedHeaders } from './signer.js';
import { Transport } from './transport.js';
import { load } from './verifier.js';

/** Chunks in one request: 1.4 MB of base64. */
const CHUNKS_AT_ONCE = 4;
/** A chunk in an answer: its base64, and up to 46 siblings. */
const CHUNK_ANSWER = 360_000;
/** The least bytes of an answer that is not empty. */
const FRAME = 4_096;

export class Provider {
  #transport;
  #headers;
  #profile;
  #providerKey;

  constructor ({ url, providerKey, profile = 'plain', signer, headerSeconds, now, ...transport }) {
    if (profile !== 'plain' && profile !== 'tagged') throw new TypeError('the profile is plain or tagged');
    if (providerKey === undefined) {
      throw new TypeError('providerKey is missing: the provider\'s key from the chain, or null to trust its signatures unseen');
    }
    this.#transport = new Transport({ url, ...transport });
    this.#headers = signer ? new SignedHeaders(signer, { seconds: headerSeconds, now }) : undefined;
    this.#profile = profile;
    this.#providerKey = providerKey === null ? null : asBytes(providerKey, 32);
  }

  /** The key that signatures are verified with; null if none are. */
  get providerKey () {
    return this.#providerKey;
  }

  async verifier () {
    return (await load())[this.#profile];
  }

  bucket (id) {
    return new BucketClient(this, id);
  }

  health (options) {
    return this.ask('GET', 'health', options);
  }

  info (options) {
    return this.ask('GET', 'info', options);
  }

  /** Asks for terms that the provider signs. They cost a nonce, so a lost answer is not asked for again. */
  async negotiate ({ owner, maxBytes, duration, pricePerByte, bucketId = null, replica = null }, options) {
    const body = {
      owner,
      max_bytes: u64(maxBytes).toString(),
      duration,
      price_per_byte: BigInt(pricePerByte).toString(),
      bucket_id: bucketId === null ? null : u64(bucketId),
      replica_params: replica && {
        sync_balance: BigInt(replica.syncBalance).toString(),
        min_sync_interval: replica.minSyncInterval,
        sync_price: replica.syncPrice === undefined ? undefined : BigInt(replica.syncPrice).toString(),
      },
    };
    const answer = await this.ask('POST', 'negotiate', { ...options, body, once: true });
    if (typeof answer?.signature !== 'string' || typeof answer.terms !== 'object') throw new AnswerError('no signed terms');
    return { terms: answer.terms, signature: asBytes(answer.signature) };
  }

  /**
   * Yields the bytes of a range, each chunk verified under the data root before it is given. The
   * size is that of the whole content, and must come from a proven leaf: without it, bytes of an
   * inner node pass as content.
   */
  async * read ({ dataRoot, size }, { offset = 0, length, bucket, signal } = {}) {
    const root = asBytes(dataRoot, 32);
    const total = u64(size);
    const start = u64(offset);
    const end = length === undefined ? total : start + u64(length);
    if (start > end || end > total) throw new RangeError('the range is past the end of the content');
    const verifier = await this.verifier();
    const chunk = BigInt(CHUNK_BYTES);
    // Empty content is one empty chunk, and is verified too.
    const last = end === start && total > 0n ? start / chunk : (end + chunk - 1n) / chunk || 1n;
    for (let first = start / chunk; first < last; first += BigInt(CHUNKS_AT_ONCE)) {
      const count = Number(last - first < BigInt(CHUNKS_AT_ONCE) ? last - first : BigInt(CHUNKS_AT_ONCE));
      const chunks = await this.#chunks(verifier, { root, total, first, count, bucket, signal });
      for (const [i, bytes] of chunks.entries()) {
        const at = (first + BigInt(i)) * chunk;
        const from = start > at ? Number(start - at) : 0;
        const to = end < at + BigInt(bytes.length) ? Number(end - at) : bytes.length;
        yield from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
      }
    }
  }

  /** Returns the bytes of a range, or of all the content. */
  async download (content, options) {
    const parts = [];
    for await (const bytes of this.read(content, options)) parts.push(bytes);
    return concat(parts);
  }

  async #chunks (verifier, { root, total, first, count, bucket, signal }) {
    const query = { data_root: toHex(root), offset: first * BigInt(CHUNK_BYTES), length: count * CHUNK_BYTES };
    // Empty content has no range: its one chunk is that of a proof.
    if (total === 0n) return [await this.#chunkOfProof(verifier, { root, total, index: 0n, bucket, signal })];
    const limit = FRAME + count * CHUNK_ANSWER;
    const answer = await this.ask('GET', 'read', { query, limit, bucket, signal });
    const given = answers.list(answer?.chunks, count, 'chunks');
    if (given.length !== count) throw new AnswerError(`${given.length} chunks, not ${count}`);
    return given.map((item, i) => {
      const bytes = answers.chunk(item?.data, 'a chunk');
      const proof = { siblings: answers.siblings(item.proof, 'the proof of a chunk') };
      verifier.verifyChunk({ chunk: bytes, index: first + BigInt(i), proof, dataRoot: root, size: total });
      return bytes;
    });
  }

  async #chunkOfProof (verifier, { root, total, index, bucket, signal }) {
    const { chunk, proof } = await this.#chunkProof({ root, index, bucket, signal });
    verifier.verifyChunk({ chunk, index, proof, dataRoot: root, size: total });
    return chunk;
  }

  async #chunkProof ({ root, index, bucket, signal }) {
    const query = { data_root: toHex(root), chunk_index: index };
    const answer = await this.ask('GET', 'chunk_proof', { query, limit: FRAME + CHUNK_ANSWER, bucket, signal });
    return { chunk: answers.chunk(answer?.chunk_data, 'a chunk'), proof: answers.path(answer.proof, 'the proof of a chunk') };
  }

  /** Returns a chunk with its proof, verified. */
  async chunkProof ({ dataRoot, size }, index, { bucket, signal } = {}) {
    const [root, total, place] = [asBytes(dataRoot, 32), u64(size), u64(index)];
    const { chunk, proof } = await this.#chunkProof({ root, index: place, bucket, signal });
    (await this.verifier()).verifyChunk({ chunk, index: place, proof, dataRoot: root, size: total });
    return { chunk, proof };
  }

  /** Makes a request. With `bucket` it has a signed header, if there is a signer. */
  async ask (method, route, { bucket, ...options } = {}) {
    const isSigned = bucket !== undefined && this.#headers !== undefined;
    const header = isSigned ? () => this.#headers.of(method, bucket) : undefined;
    try {
      return await this.#transport.ask(method, route, { ...options, header });
    } catch (error) {
      if (isSigned && error.status === 401) this.#headers.forget(method, bucket);
      throw error;
    }
  }
}
