// Bytes, hex, base64, and numbers of 64 bits, each checked: what comes from a provider passes here.

const HEX = /^(?:0x)?((?:[0-9a-fA-F]{2})*)$/;

export function toHex (bytes) {
  let text = '0x';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

export function fromHex (text) {
  const digits = typeof text === 'string' && HEX.exec(text)?.[1];
  if (typeof digits !== 'string') throw new TypeError('expected bytes in hex');
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/** Bytes from bytes or from hex, of a length if that is given. */
export function asBytes (value, length) {
  const bytes = value instanceof Uint8Array ? value : fromHex(value);
  if (length !== undefined && bytes.length !== length) throw new RangeError(`expected ${length} bytes, not ${bytes.length}`);
  return bytes;
}

export function concat (parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function isEqual (a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** A number below 2^64 as a bigint. WASM would take one above modulo 2^64. */
export function u64 (value) {
  const number = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof number !== 'bigint' || number < 0n || number >= 1n << 64n) throw new RangeError('expected a whole number below 2^64');
  return number;
}

export function toBase64 (bytes) {
  if (bytes.toBase64) return bytes.toBase64();
  if (globalThis.Buffer) return globalThis.Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  let text = '';
  // A call has a limit of arguments.
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

export function fromBase64 (text) {
  // Strict, with padding: `atob` and `Buffer` take more than the API writes.
  if (typeof text !== 'string' || text.length % 4 !== 0 || /[^A-Za-z0-9+/=]/.test(text) || /=[^=]|===/.test(text)) {
    throw new TypeError('expected bytes in base64');
  }
  if (globalThis.Buffer) return new Uint8Array(globalThis.Buffer.from(text, 'base64'));
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
