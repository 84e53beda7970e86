// The signed header, `Web3Storage <key>:<signature>:<seconds>`. Who signs is the caller's: a key
// pair, or a wallet that shows what it signs and puts it between `<Bytes>` and `</Bytes>`.

import { asBytes, concat, toHex, u64 } from './bytes.js';
import { SignerError } from './errors.js';
import { load } from './verifier.js';

const encoder = new TextEncoder();
const wrapped = (message) => concat([encoder.encode('<Bytes>'), message, encoder.encode('</Bytes>')]);

/** Signs with a key pair of polkadot-js, or anything with `publicKey` and `sign(bytes)`. */
export function keypairSigner (pair, { wrap = false } = {}) {
  return {
    publicKey: asBytes(pair.publicKey, 32),
    sign: async (message) => pair.sign(wrap ? wrapped(message) : message),
  };
}

/** Signs with a wallet: `signRaw` of a polkadot-js extension's signer, which wraps the message. */
export function walletSigner ({ signRaw }, { address, publicKey }) {
  return {
    publicKey: asBytes(publicKey, 32),
    sign: async (message) => (await signRaw({ address, data: toHex(message), type: 'bytes' })).signature,
  };
}

/**
 * Makes headers, and keeps each for `seconds`: a wallet would otherwise ask for every chunk. A
 * provider takes a header for 300 seconds around its time, and it is good for any request of its
 * method to its bucket, so it is sent to nobody else.
 */
export class SignedHeaders {
  #signer;
  #seconds;
  #now;
  #kept = new Map();

  constructor (signer, { seconds = 60, now = Date.now } = {}) {
    if (!(seconds >= 0 && seconds <= 240)) throw new RangeError('a header is kept for 0 to 240 seconds');
    this.#signer = signer;
    this.#seconds = seconds;
    this.#now = now;
  }

  /** Returns the header for requests of a method to a bucket. */
  of (method, bucket) {
    const subject = `${method}:${u64(bucket)}`;
    const time = Math.floor(this.#now() / 1000);
    const kept = this.#kept.get(subject);
    if (kept && Math.abs(time - kept.time) < this.#seconds) return kept.header;
    const header = this.#sign(`web3storage:${subject}:${time}`, time);
    this.#kept.set(subject, { time, header });
    // One that failed is not kept.
    header.catch(() => this.forget(method, bucket));
    return header;
  }

  /** Forgets a header that the provider refused. */
  forget (method, bucket) {
    this.#kept.delete(`${method}:${u64(bucket)}`);
  }

  async #sign (text, time) {
    const message = encoder.encode(text);
    const given = asBytes(await this.#signer.sign(message));
    // Some signers give a `MultiSignature`: the scheme's index, and then the signature.
    const signature = given.length === 65 && given[0] === 1 ? given.subarray(1) : given;
    const key = asBytes(this.#signer.publicKey, 32);
    const { plain } = await load();
    const fits = [message, wrapped(message)].some((form) => {
      try {
        plain.verifySr25519(form, signature, key);
        return true;
      } catch {
        return false;
      }
    });
    if (!fits) throw new SignerError('the signer gave no sr25519 signature of its key over the message, plain or wrapped');
    return `Web3Storage ${toHex(key)}:${toHex(signature)}:${time}`;
  }
}
