/* tslint:disable */
/* eslint-disable */

/**
 * Content that is hashed chunk by chunk.
 */
export class ContentHasher {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Ends the content, and returns the nodes that are left.
     */
    finish(): Uint8Array;
    /**
     * Begins content without chunks.
     */
    constructor(tagged: boolean);
    /**
     * Adds the next chunk, and returns the complete nodes: 96 bytes each, of its hash and its two
     * children.
     */
    push(chunk: Uint8Array | number[]): Uint8Array;
    /**
     * Returns the data root, after the end.
     */
    readonly dataRoot: Uint8Array | undefined;
    /**
     * Returns the bytes of content, after the end.
     */
    readonly size: bigint | undefined;
}

/**
 * Returns the number of chunks of content of a size.
 */
export function chunkCount(size: bigint): bigint;

/**
 * Returns the length of a chunk of content of a size.
 */
export function chunkLength(index: bigint, size: bigint): number;

/**
 * Returns the bytes that a provider signs for a commitment.
 */
export function commitmentPayload(bucket: bigint, root: Uint8Array | number[], start_seq: bigint, leaf_count: bigint, nonce?: bigint | null): Uint8Array;

/**
 * Returns the hash of a chunk.
 */
export function hashChunk(tagged: boolean, bytes: Uint8Array | number[]): Uint8Array;

/**
 * Returns the sizes of the parts that content of a size is split into, so that none has padding.
 */
export function splitWithoutPadding(size: bigint): BigUint64Array;

/**
 * Verifies a chunk against a data root and the size of the content.
 */
export function verifyChunk(tagged: boolean, bytes: Uint8Array | number[], index: bigint, siblings: Uint8Array | number[], path: Uint8Array | number[], data_root: Uint8Array | number[], data_size: bigint): void;

/**
 * Verifies a leaf at its index under a root.
 */
export function verifyLeaf(tagged: boolean, data_root: Uint8Array | number[], data_size: bigint, total_size: bigint, peaks: Uint8Array | number[], siblings: Uint8Array | number[], path: Uint8Array | number[], leaf_index: bigint, leaf_count: bigint, root: Uint8Array | number[]): void;

/**
 * Verifies a `ChallengeResponse` in SCALE by the strict rule and by the chain's.
 */
export function verifyResponse(tagged: boolean, response: Uint8Array | number[], leaf_index: bigint, chunk_index: bigint, leaf_count: bigint, root: Uint8Array | number[]): void;

/**
 * Verifies a `MultiSignature` in SCALE over a message.
 */
export function verifySignature(message: Uint8Array | number[], signature: Uint8Array | number[], key: Uint8Array | number[]): void;

/**
 * Verifies an sr25519 signature of 64 bytes over a message.
 */
export function verifySr25519(message: Uint8Array | number[], signature: Uint8Array | number[], key: Uint8Array | number[]): void;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly __wbg_contenthasher_free: (a: number, b: number) => void;
    readonly chunkCount: (a: bigint) => bigint;
    readonly chunkLength: (a: bigint, b: bigint) => [number, number, number];
    readonly commitmentPayload: (a: bigint, b: number, c: number, d: bigint, e: bigint, f: number, g: bigint) => [number, number, number, number];
    readonly contenthasher_dataRoot: (a: number) => [number, number];
    readonly contenthasher_finish: (a: number) => [number, number, number, number];
    readonly contenthasher_new: (a: number) => number;
    readonly contenthasher_push: (a: number, b: number, c: number) => [number, number, number, number];
    readonly contenthasher_size: (a: number) => [number, bigint];
    readonly hashChunk: (a: number, b: number, c: number) => [number, number];
    readonly splitWithoutPadding: (a: bigint) => [number, number];
    readonly verifyChunk: (a: number, b: number, c: number, d: bigint, e: number, f: number, g: number, h: number, i: number, j: number, k: bigint) => [number, number];
    readonly verifyLeaf: (a: number, b: number, c: number, d: bigint, e: bigint, f: number, g: number, h: number, i: number, j: number, k: number, l: bigint, m: bigint, n: number, o: number) => [number, number];
    readonly verifyResponse: (a: number, b: number, c: number, d: bigint, e: bigint, f: bigint, g: number, h: number) => [number, number];
    readonly verifySignature: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly verifySr25519: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __externref_table_dealloc: (a: number) => void;
    readonly __wbindgen_malloc: (a: number, b: number) => number;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __wbindgen_start: () => void;
}

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput }} module - Passing `SyncInitInput` directly is deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput } | SyncInitInput): InitOutput;

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput> }} module_or_path - Passing `InitInput` directly is deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path: { module_or_path: InitInput | Promise<InitInput> } | InitInput | Promise<InitInput>): Promise<InitOutput>;
