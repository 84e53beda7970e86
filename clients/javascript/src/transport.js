// Requests: bounded in time and in what is read of an answer, repeated where that is safe.

import { AnswerError, ApiError } from './errors.js';
import { parse, stringify } from './json.js';

/** What an answer without content may have, in bytes: `/exists` of 8,192 hashes has 590 KB. */
const SMALL = 1 << 20;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

export class Transport {
  #base;
  #fetch;
  #timeoutMs;
  #attempts;
  #sleep;

  constructor ({ url, fetch = globalThis.fetch, timeoutMs = 60_000, attempts = 4, sleep }) {
    const base = new URL(url);
    if (base.protocol !== 'http:' && base.protocol !== 'https:') throw new TypeError('the URL is neither http nor https');
    if (!(Number.isInteger(attempts) && attempts >= 1)) throw new RangeError('at least one attempt');
    // A provider may be below a path of a proxy.
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    this.#base = base;
    this.#fetch = (...given) => fetch(...given);
    this.#timeoutMs = timeoutMs;
    this.#attempts = attempts;
    this.#sleep = sleep ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  }

  /**
   * Makes a request and returns the parsed answer. `once` is for what must not be done twice: it is
   * repeated only if the provider says that it did nothing.
   */
  async ask (method, route, { query = {}, body, header, signal, limit = SMALL, once = false } = {}) {
    const url = new URL(route, this.#base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const text = body === undefined ? undefined : stringify(body);
    for (let attempt = 1; ; attempt += 1) {
      // Each attempt has its own header: the first one's may be too old by now.
      const authorization = header ? await header() : undefined;
      const outcome = await this.#attempt(url, method, text, authorization, signal, limit);
      if (outcome.value !== undefined) return outcome.value;
      const { error, isDone, pauseMs } = outcome;
      signal?.throwIfAborted();
      if (isDone || (once && !(error instanceof ApiError)) || attempt >= this.#attempts) throw error;
      await this.#sleep(pauseMs ?? Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS));
    }
  }

  async #attempt (url, method, body, authorization, signal, limit) {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    let response;
    let text;
    try {
      response = await this.#fetch(url, {
        method,
        body,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(authorization === undefined ? {} : { authorization }),
        },
        // A signed header is good for any request to its bucket: it goes to no other host.
        redirect: 'error',
        credentials: 'omit',
        signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
      });
      text = await readText(response, limit);
    } catch (error) {
      return { error, isDone: error instanceof AnswerError };
    }
    if (response.ok) return { value: this.#parsed(text) };
    const error = apiError(response.status, text);
    // `too_late` may have been done all the same; the other 503 were not.
    const isDone = response.status !== 503 || error.code === 'too_late';
    return { error, isDone, pauseMs: pauseOf(response) };
  }

  #parsed (text) {
    try {
      return parse(text) ?? null;
    } catch {
      throw new AnswerError('the answer is no JSON');
    }
  }
}

async function readText (response, limit) {
  if (!response.body) return '';
  const reader = response.body.getReader();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      throw new AnswerError(`the answer has more than ${limit} bytes`);
    }
    text += decoded(decoder, value);
  }
  return text + decoded(decoder);
}

function decoded (decoder, bytes) {
  try {
    return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
  } catch {
    throw new AnswerError('the answer is no text');
  }
}

function apiError (status, text) {
  try {
    const { error, details } = parse(text);
    if (typeof error === 'string') return new ApiError(status, error, details);
  } catch {
    // Bodies of other forms, as of a query that does not parse, have no code.
  }
  return new ApiError(status, 'unknown', { text: text.slice(0, 500) });
}

function pauseOf (response) {
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  return seconds >= 0 ? Math.min(seconds * 1000, LONGEST_PAUSE_MS) : undefined;
}
