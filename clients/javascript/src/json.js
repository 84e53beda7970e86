// JSON with whole numbers of any size. `JSON.parse` rounds above 2^53, and a rounded nonce is
// another nonce.

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const WHOLE = /^-?\d+$/;
// No text of the API begins with it, and one that did would be refused as a number.
const MARK = '\u0000whole:';

/** Parses JSON. Whole numbers above 2^53 - 1 become bigints. */
export function parse (text) {
  const marked = text.replace(TOKEN, (token) => (
    WHOLE.test(token) && !Number.isSafeInteger(Number(token)) ? JSON.stringify(MARK + token) : token
  ));
  return JSON.parse(marked, (_, value) => (
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value
  ));
}

/** Writes JSON. Bigints become numbers. */
export function stringify (value) {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map((item) => stringify(item ?? null)).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${stringify(field)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
