// A bucket at a provider: uploads, signed commitments, proven leaves.

import * as answers from './answers.js';
import { asBytes, isEqual, toBase64, toHex, u64 } from './bytes.js';
import { chunksOf, contentOf, partsOf } from './content.js';
import { AnswerError, VerificationError } from './errors.js';

/** Chunks that are sent at once, unless a caller says otherwise: 4 are 1.4 MB on their way. */
const CONCURRENCY = 4;
/** How often a proof is asked for again while others commit. */
const PROOF_ATTEMPTS = 5;
/** The provider's limit of a list. */
const MAX_LIST = 8_192;

export class BucketClient {
  #provider;

  constructor (provider, id) {
    this.#provider = provider;
    this.id = u64(id);
  }

  #get (route, query, options) {
    return this.#provider.ask('GET', route, { ...options, query: { bucket_id: this.id, ...query }, bucket: this.id });
  }

  #send (method, route, body, options) {
    return this.#provider.ask(method, route, { ...options, body: { bucket_id: this.id, ...body }, bucket: this.id });
  }

  /** Returns which of the hashes the bucket does not hold. */
  async missing (hashes, options) {
    const asked = hashes.map((hash) => toHex(asBytes(hash, 32)));
    const missing = new Set();
    for (let at = 0; at < asked.length; at += MAX_LIST) {
      const part = asked.slice(at, at + MAX_LIST);
      const answer = await this.#send('POST', 'exists', { hashes: part }, options);
      for (const hash of answers.hashes(answer?.missing, part.length, 'missing hashes')) missing.add(toHex(hash));
    }
    return asked.filter((hash) => missing.has(hash)).map((hash) => asBytes(hash));
  }

  /** Stores a chunk, and returns its hash. */
  async putChunk (bytes, options) {
    const hash = (await this.#provider.verifier()).hashChunk(bytes);
    await this.#send('PUT', 'node', { hash: toHex(hash), data: toBase64(bytes), children: null }, options);
    return hash;
  }

  /** Stores an inner node. Its children must be stored. */
  async putNode ({ hash, left, right }, options) {
    const data = new Uint8Array(64);
    data.set(asBytes(left, 32));
    data.set(asBytes(right, 32), 32);
    const children = [toHex(asBytes(left)), toHex(asBytes(right))];
    await this.#send('PUT', 'node', { hash: toHex(asBytes(hash, 32)), data: toBase64(data), children }, options);
  }

  /**
   * Uploads content and commits it. Returns its parts, proven under the signed commitment that is
   * returned with them: each with data root, size and sequence.
   */
  async upload (given, { padding = false, concurrency = CONCURRENCY, onProgress, signal } = {}) {
    if (!(Number.isInteger(concurrency) && concurrency >= 1)) throw new RangeError('at least one chunk at once');
    const content = contentOf(given);
    const verifier = await this.#provider.verifier();
    const parts = [];
    let sent = 0;
    const progress = (bytes) => onProgress?.({ sent: (sent += bytes), total: content.size });
    for (const { start, size } of partsOf(verifier, content.size, padding)) {
      parts.push({ dataRoot: await this.#store(verifier, content, { start, size, concurrency, progress, signal }), size: u64(size) });
    }
    const committed = await this.commit(parts.map((part) => part.dataRoot), { signal });
    return this.#proven(parts, committed, signal);
  }

  // Nodes go after the chunks below them, bottom up.
  async #store (verifier, content, { start, size, concurrency, progress, signal }) {
    const hasher = verifier.contentHasher();
    let batch = [];
    const flush = async () => {
      const hashes = batch.map(({ chunk }) => verifier.hashChunk(chunk));
      const missing = new Set((await this.missing(hashes, { signal })).map(toHex));
      await Promise.all(batch.map(async ({ chunk }, i) => {
        if (missing.has(toHex(hashes[i]))) await this.putChunk(chunk, { signal });
        progress(chunk.length);
      }));
      for (const { nodes } of batch) {
        for (const node of nodes) await this.putNode(node, { signal });
      }
      batch = [];
    };
    try {
      for await (const chunk of chunksOf(content, start, size)) {
        batch.push({ chunk, nodes: hasher.push(chunk) });
        if (batch.length === concurrency) await flush();
      }
      await flush();
    } catch (error) {
      hasher.free();
      throw error;
    }
    const { dataRoot, nodes } = hasher.finish();
    for (const node of nodes) await this.putNode(node, { signal });
    return dataRoot;
  }

  /** Commits data roots whose content is stored. Returns the signed commitment and the leaves' indices. */
  async commit (dataRoots, options) {
    const roots = dataRoots.map((root) => toHex(asBytes(root, 32)));
    // Twice would be two leaves, so a lost answer is not asked for again.
    const answer = await this.#send('POST', 'commit', { data_roots: roots }, { ...options, once: true });
    const commitment = await this.#signed(answer);
    const indices = answers.list(answer.leaf_indices, roots.length, 'leaf indices').map((index) => answers.number(index, 'a leaf index'));
    if (indices.length !== roots.length || indices.some((index) => index >= commitment.leafCount)) {
      throw new AnswerError('the leaf indices are not those of the data roots');
    }
    return { commitment, leafIndices: indices };
  }

  // Others may have committed since, and may have pruned.
  async #proven (parts, { commitment, leafIndices }, signal) {
    let newest = commitment;
    const proven = [];
    for (const [i, part] of parts.entries()) {
      const sequence = commitment.startSeq + leafIndices[i];
      const found = await this.leaf(sequence, { signal });
      if (!isEqual(found.leaf.dataRoot, part.dataRoot) || found.leaf.dataSize !== part.size) {
        throw new VerificationError('anotherLeaf', 'the provider committed other content than was uploaded');
      }
      newest = found.commitment;
      proven.push({ ...part, sequence });
    }
    return { parts: proven, commitment: newest };
  }

  /** Returns the newest signed commitment, its signature verified. */
  async commitment (options) {
    return this.#signed(await this.#get('commitment', {}, options));
  }

  /** Returns the signature for a checkpoint, verified. */
  async checkpointSignature (options) {
    return this.#signed(await this.#get('checkpoint-signature', {}, options));
  }

  async #signed (answer) {
    if (answer?.bucket_id !== undefined && answers.number(answer.bucket_id, 'a bucket') !== this.id) {
      throw new AnswerError('the commitment is of another bucket');
    }
    const { signature, ...commitment } = answers.commitment(answer);
    const verifier = await this.#provider.verifier();
    const { providerKey } = this.#provider;
    if (providerKey) verifier.verifyCommitment({ commitment, signature, providerKey, bucket: this.id });
    const payload = verifier.commitmentPayload(this.id, commitment);
    return { ...commitment, signature, payload, isVerified: providerKey !== null };
  }

  /** Returns a leaf by its sequence, proven under a signed commitment. */
  async leaf (sequence, options) {
    const place = u64(sequence);
    const verifier = await this.#provider.verifier();
    for (let attempt = 1; ; attempt += 1) {
      const commitment = await this.commitment(options);
      const index = place - commitment.startSeq;
      if (index < 0n || index >= commitment.leafCount) throw new RangeError(`the bucket has no leaf ${place}`);
      const proof = answers.leafProof(await this.#get('mmr_proof', { leaf_index: index }, options));
      try {
        verifier.verifyLeaf({ ...proof, index, commitment });
        return { ...proof, index, sequence: place, commitment };
      } catch (error) {
        // The proof is for the newest state, which may be newer than the commitment.
        if (!(error instanceof VerificationError) || attempt === PROOF_ATTEMPTS) throw error;
      }
    }
  }

  /** Returns the content of leaves in order, each proven and each chunk verified. */
  async download (sequences, { signal } = {}) {
    const pieces = [];
    for await (const bytes of this.read(sequences, { signal })) pieces.push(bytes);
    const all = new Uint8Array(pieces.reduce((sum, bytes) => sum + bytes.length, 0));
    let at = 0;
    for (const bytes of pieces) {
      all.set(bytes, at);
      at += bytes.length;
    }
    return all;
  }

  /** Yields the content of leaves in order, chunk by chunk, verified. */
  async * read (sequences, { signal } = {}) {
    for (const sequence of sequences) {
      const { leaf } = await this.leaf(sequence, { signal });
      yield * this.#provider.read({ dataRoot: leaf.dataRoot, size: leaf.dataSize }, { bucket: this.id, signal });
    }
  }
}
