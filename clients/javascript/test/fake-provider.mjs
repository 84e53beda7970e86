// A provider in memory behind HTTP, for one bucket: as the API says, but for what a test bends.

import { createServer } from 'node:http';
import { CHUNK_BYTES, fromHex, load, toHex } from 'cairn-storage-client';
import { content, signatures } from './vectors.mjs';

const { plain } = await load();
const BUCKET = Number(signatures.bucket);
const pair = (left, right) => plain.hashChunk(Buffer.concat([left, right]));
/** The nodes of nothing but padding: nobody stores them. */
const PADDING = new Set();
for (let hash = new Uint8Array(32), height = 0; height < 8; hash = pair(hash, hash), height += 1) PADDING.add(toHex(hash));
const u64 = (number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return bytes;
};

class Refused extends Error {
  constructor (status, error, details) {
    super(error);
    Object.assign(this, { status, body: { error, details } });
  }
}

/** The trees of an MMR, left to right: each a list of levels. */
function mountains (leaves) {
  const found = [];
  let at = 0;
  for (let height = 30; height >= 0; height -= 1) {
    if (!(leaves.length & (1 << height))) continue;
    const levels = [leaves.slice(at, at + 2 ** height)];
    at += 2 ** height;
    while (levels.at(-1).length > 1) {
      const below = levels.at(-1);
      levels.push(Array.from({ length: below.length / 2 }, (_, i) => pair(below[2 * i], below[2 * i + 1])));
    }
    found.push(levels);
  }
  return found;
}

export class FakeProvider {
  /** What was asked, in order: `PUT /node` and the like. */
  asked = [];
  /** Bends an answer: `(route, answer, query) => answer`. */
  bend = (route, answer) => answer;
  /** Refuses a request: `(route, times asked) => undefined or [status, code, headers]`. */
  refuse = () => undefined;
  needsHeader = true;

  #nodes = new Map();
  #leaves = [];
  #server;

  /** Starts one whose bucket has content of these sizes. */
  static async start (sizes = []) {
    const provider = new FakeProvider();
    for (const size of sizes) provider.#leaves.push(provider.#store(content(size)));
    provider.#server = createServer((request, response) => provider.#serve(request, response));
    await new Promise((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url () {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  stop () {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  dataRoot (sequence) {
    return this.#leaves[sequence].root;
  }

  #store (bytes) {
    const hasher = plain.contentHasher();
    const nodes = [];
    for (let at = 0; at === 0 || at < bytes.length; at += CHUNK_BYTES) {
      const chunk = bytes.subarray(at, at + CHUNK_BYTES);
      this.#nodes.set(toHex(plain.hashChunk(chunk)), { bytes: Buffer.from(chunk) });
      nodes.push(...hasher.push(chunk));
    }
    const end = hasher.finish();
    for (const { hash, left, right } of [...nodes, ...end.nodes]) this.#nodes.set(toHex(hash), { children: [left, right].map(toHex) });
    return { root: toHex(end.dataRoot), size: bytes.length };
  }

  async #serve (request, response) {
    const url = new URL(request.url, 'http://provider');
    const route = `${request.method} ${url.pathname}`;
    this.asked.push(route);
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = parts.length ? JSON.parse(Buffer.concat(parts)) : {};
    try {
      const [status, code, headers] = this.refuse(route, this.asked.filter((one) => one === route).length) ?? [];
      if (status === 'drop') return request.socket.destroy();
      if (status) {
        response.writeHead(status, headers).end(JSON.stringify({ error: code, details: { message: 'refused' } }));
        return undefined;
      }
      const answer = this.#answer(route, Object.fromEntries(url.searchParams), body, request.headers.authorization);
      const text = this.bend(route, answer, url.searchParams);
      response.writeHead(200, { 'content-type': 'application/json' }).end(typeof text === 'string' ? text : JSON.stringify(text));
    } catch (error) {
      response.writeHead(error.status ?? 500).end(JSON.stringify(error.body ?? { error: 'internal_error', details: { message: error.message } }));
    }
    return undefined;
  }

  #authorise (header, method) {
    if (!this.needsHeader) return;
    const signed = signatures.headers.find(({ message }) => message === `web3storage:${method}:${BUCKET}:${signatures.seconds}`);
    const fits = signed && [signed.raw, signed.wrapped].some((one) => header === `Web3Storage ${signatures.memberKey}:${one}:${signatures.seconds}`);
    if (!fits) throw new Refused(401, 'auth_required');
  }

  #answer (route, query, body, header) {
    const bucket = Number(body.bucket_id ?? query.bucket_id ?? BUCKET);
    if (bucket !== BUCKET) throw new Refused(404, 'bucket_not_found', { bucket_id: bucket });
    switch (route) {
      case 'GET /health': return { status: 'healthy', version: '0.1.0' };
      case 'PUT /node':
        this.#authorise(header, 'PUT');
        return this.#put(body);
      case 'POST /exists': {
        const has = (hash) => this.#nodes.has(hash);
        return { exists: body.hashes.filter(has), missing: body.hashes.filter((hash) => !has(hash)) };
      }
      case 'POST /commit':
        this.#authorise(header, 'POST');
        return this.#commit(body.data_roots);
      case 'GET /commitment':
      case 'GET /checkpoint-signature': return { bucket_id: BUCKET, ...this.#signed() };
      case 'GET /mmr_proof': return this.#leafProof(Number(query.leaf_index));
      case 'GET /chunk_proof': {
        const { hash, data, siblings, path } = this.#chunk(query.data_root, Number(query.chunk_index));
        return { chunk_hash: hash, chunk_data: data, proof: { siblings, path } };
      }
      case 'GET /read': return this.#read(query.data_root, Number(query.offset), Number(query.length));
      case 'POST /negotiate': {
        const number = (text) => `"of":${text}`;
        return `{"terms":{"owner":"${body.owner}","max_bytes":${body.max_bytes},"nonce":18446744073709551615,${number(body.price_per_byte)}},"signature":"01${'00'.repeat(64)}"}`;
      }
      default: throw new Refused(404, 'not_found');
    }
  }

  #put ({ hash, data, children }) {
    const bytes = Buffer.from(data, 'base64');
    const found = toHex(plain.hashChunk(bytes));
    if (found !== hash) throw new Refused(400, 'invalid_hash', { expected: hash, actual: found });
    const missing = (children ?? []).filter((child) => !this.#nodes.has(child) && !PADDING.has(child));
    if (missing.length) throw new Refused(400, 'children_missing', { missing });
    this.#nodes.set(hash, children ? { children } : { bytes });
    return { stored: true };
  }

  #size (hash) {
    if (PADDING.has(hash)) return 0;
    const node = this.#nodes.get(hash);
    if (!node) throw new Refused(404, 'root_not_found', { data_root: hash });
    return node.bytes ? node.bytes.length : this.#size(node.children[0]) + this.#size(node.children[1]);
  }

  #commit (roots) {
    const first = this.#leaves.length;
    const added = roots.map((root) => ({ root, size: this.#size(root) }));
    this.#leaves.push(...added);
    return { ...this.#signed(), leaf_indices: added.map((_, i) => first + i) };
  }

  #hashes () {
    let total = 0;
    return this.#leaves.map(({ root, size }) => plain.hashChunk(Buffer.concat([fromHex(root), u64(size), u64(total += size)])));
  }

  #signed () {
    const peaks = mountains(this.#hashes()).map((levels) => levels.at(-1)[0]);
    const mmrRoot = peaks.reduceRight((rest, peak) => pair(peak, rest));
    const commitment = { mmrRoot, startSeq: 0, leafCount: this.#leaves.length };
    const payload = toHex(plain.commitmentPayload(BUCKET, commitment));
    const signed = signatures.commitments.find((one) => one.payload === payload);
    if (!signed) throw new Error(`the vectors have no signature of ${this.#leaves.map(({ size }) => size)}`);
    return { mmr_root: toHex(mmrRoot), start_seq: 0, leaf_count: this.#leaves.length, provider_signature: signed.signature };
  }

  #leafProof (index) {
    let place = index;
    const all = mountains(this.#hashes());
    const levels = all.find((one) => place < one[0].length || !(place -= one[0].length, true));
    if (!levels) throw new Refused(404, 'not_found', { hash: `leaf_${index}` });
    const below = levels.slice(0, -1);
    const { root, size } = this.#leaves[index];
    const total = this.#leaves.slice(0, index + 1).reduce((sum, leaf) => sum + leaf.size, 0);
    return {
      leaf: { data_root: root, data_size: size, total_size: total },
      proof: {
        peaks: all.map((one) => toHex(one.at(-1)[0])),
        siblings: below.map((level, height) => toHex(level[(place >> height) ^ 1])),
        path: below.map((_, height) => Boolean((place >> height) & 1)),
      },
    };
  }

  #chunk (root, index) {
    const above = [];
    let hash = root;
    for (let node = this.#nodes.get(root); node?.children; node = this.#nodes.get(hash)) {
      above.push(node.children);
      // The depth is known at the bottom only, so take the path from there.
      const depth = this.#depth(root);
      const bit = (index >> (depth - above.length)) & 1;
      hash = node.children[bit];
      above[above.length - 1] = { sibling: node.children[bit ^ 1], bit };
    }
    const node = this.#nodes.get(hash);
    if (!node) throw new Refused(404, 'root_not_found', { data_root: root });
    above.reverse();
    return { hash, data: node.bytes.toString('base64'), siblings: above.map(({ sibling }) => sibling), path: above.map(({ bit }) => bit === 1) };
  }

  #depth (root) {
    const node = this.#nodes.get(root);
    return node.children ? 1 + this.#depth(node.children[0]) : 0;
  }

  #read (root, offset, length) {
    const count = Math.ceil(this.#size(root) / CHUNK_BYTES);
    const [first, end] = [Math.floor(offset / CHUNK_BYTES), Math.ceil((offset + length) / CHUNK_BYTES)];
    const indices = Array.from({ length: Math.max(0, Math.min(end, count) - first) }, (_, i) => first + i);
    return {
      chunks: indices.map((index) => {
        const { hash, data, siblings } = this.#chunk(root, index);
        return { hash, data, proof: siblings };
      }),
    };
  }
}
