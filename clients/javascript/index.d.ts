// The types of this package, written by hand. Hashes and keys are taken as bytes or as hex, and
// given as bytes; numbers of 64 bits are given as bigints.

export type HexOrBytes = `0x${string}` | string | Uint8Array;
export type U64 = number | bigint;
export type Profile = 'plain' | 'tagged';

/** The length of all chunks but the last. */
export const CHUNK_BYTES: 262144;

export function toHex(bytes: Uint8Array): `0x${string}`;
export function fromHex(text: string): Uint8Array;

// ---- errors ----

/** A proof or a signature that does not hold. */
export class VerificationError extends Error {
  name: 'VerificationError';
  /** The rule that is broken. */
  code:
    | 'malformed' | 'noSuchLeaf' | 'peakCount' | 'leafPathLength' | 'leafPathBit' | 'notUnderItsPeak'
    | 'root' | 'paddingSlot' | 'aliasedChunk' | 'chunkLength' | 'chunkPathLength' | 'chunkPathBit'
    | 'dataRoot' | 'chainRule' | 'shape' | 'signature' | 'signatureScheme' | 'anotherLeaf';
  constructor(code: VerificationError['code'], message: string);
}

/** An error that the provider answered with. */
export class ApiError extends Error {
  name: 'ApiError';
  /** The status of HTTP. */
  status: number;
  /** The code of the API, or `unknown`. */
  code: string;
  details: unknown;
  constructor(status: number, code: string, details?: unknown);
}

/** An answer that has not the form of the API's. */
export class AnswerError extends Error {
  name: 'AnswerError';
  constructor(message: string);
}

/** A signer that does not sign as the provider verifies. */
export class SignerError extends Error {
  name: 'SignerError';
  constructor(message: string);
}

// ---- the verifier ----

export interface Path {
  /** The sibling at each level, from the leaf up. */
  siblings: HexOrBytes[];
  /** For each level, true where the node is the right child. */
  path: boolean[];
}

export interface Leaf {
  dataRoot: HexOrBytes;
  dataSize: U64;
  totalSize: U64;
}

export interface MmrProof {
  leaf: Leaf;
  /** All peaks, left to right. */
  peaks: HexOrBytes[];
  leafProof: Path;
}

export interface CommitmentFields {
  mmrRoot: HexOrBytes;
  startSeq: U64;
  leafCount: U64;
  /** Only on chains whose payloads have one. */
  nonce?: U64 | null;
}

export interface Node {
  hash: Uint8Array;
  left: Uint8Array;
  right: Uint8Array;
}

export interface ChunkClaim {
  chunk: HexOrBytes;
  index: U64;
  /** Without `path`, the index says it. */
  proof: { siblings: HexOrBytes[]; path?: boolean[] };
  dataRoot: HexOrBytes;
  /** The size of the whole content, as its leaf says. */
  size: U64;
}

export interface LeafClaim extends MmrProof {
  index: U64;
  commitment: Pick<CommitmentFields, 'mmrRoot' | 'leafCount'>;
}

export interface CommitmentClaim {
  commitment: CommitmentFields;
  /** A `MultiSignature` in SCALE. */
  signature: HexOrBytes;
  providerKey: HexOrBytes;
  bucket: U64;
}

export interface AnswerClaim extends CommitmentClaim {
  leafIndex: U64;
  mmrProof: MmrProof;
  chunkIndex: U64;
  chunk: HexOrBytes;
  chunkProof: Path;
}

export interface ResponseClaim {
  /** A `ChallengeResponse` in SCALE. */
  response: HexOrBytes;
  leafIndex: U64;
  chunkIndex: U64;
  commitment: Pick<CommitmentFields, 'mmrRoot' | 'leafCount'>;
}

export interface ContentHasher {
  /** Adds the next chunk, and returns the nodes that are complete with it, children first. */
  push(chunk: Uint8Array): Node[];
  /** Ends the content, and frees the hasher. */
  finish(): { dataRoot: Uint8Array; size: bigint; nodes: Node[] };
  /** Frees a hasher that is given up. */
  free(): void;
}

/** Verifies by one hashing profile. Each `verify…` throws a `VerificationError`, or returns. */
export class Verifier {
  /** Only after `load`, which makes one of each profile. */
  constructor(profile: Profile);
  readonly profile: Profile;
  hashChunk(bytes: HexOrBytes): Uint8Array;
  contentHasher(): ContentHasher;
  splitWithoutPadding(size: U64): bigint[];
  chunkCount(size: U64): bigint;
  chunkLength(index: U64, size: U64): number;
  verifyChunk(claim: ChunkClaim): void;
  verifyLeaf(claim: LeafClaim): void;
  verifyAnswer(claim: AnswerClaim): void;
  verifyResponse(claim: ResponseClaim): void;
  commitmentPayload(bucket: U64, commitment: CommitmentFields): Uint8Array;
  verifyCommitment(claim: CommitmentClaim): void;
  verifySr25519(message: Uint8Array, signature: HexOrBytes, publicKey: HexOrBytes): void;
}

/** A replacement for the WASM of the package. */
export type WasmSource = URL | string | Response | BufferSource | WebAssembly.Module | Promise<Response | BufferSource>;

/** Loads the WASM, once. */
export function load(source?: WasmSource): Promise<{ readonly plain: Verifier; readonly tagged: Verifier }>;

// ---- content ----

export interface ContentReader {
  size: number;
  /** Returns the bytes from `start` to before `end`. */
  read(start: number, end: number): Promise<Uint8Array>;
}

export type Content = Uint8Array | ArrayBuffer | Blob | ContentReader;

/** Content by its data root. The size must be of a proven leaf. */
export interface ContentRef {
  dataRoot: HexOrBytes;
  size: U64;
}

export interface Part {
  dataRoot: Uint8Array;
  size: bigint;
}

export function contentOf(content: Content): ContentReader;

/** Returns the leaves that content becomes, in order. With `padding` it is always one. */
export function hashContent(content: Content, options?: { profile?: Profile; padding?: boolean }): Promise<Part[]>;

// ---- signing ----

export interface Signer {
  publicKey: HexOrBytes;
  /** Returns an sr25519 signature over the message, or over it between `<Bytes>` and `</Bytes>`. */
  sign(message: Uint8Array): Promise<HexOrBytes> | HexOrBytes;
}

/** Signs with a key pair of polkadot-js, or anything of its form. With `wrap`, as wallets do. */
export function keypairSigner(
  pair: { publicKey: HexOrBytes; sign(message: Uint8Array): HexOrBytes | Promise<HexOrBytes> },
  options?: { wrap?: boolean },
): Signer;

/** Signs with the signer of a polkadot-js extension. */
export function walletSigner(
  signer: { signRaw(payload: { address: string; data: string; type: 'bytes' }): Promise<{ signature: string }> },
  account: { address: string; publicKey: HexOrBytes },
): Signer;

/** The signed headers of requests, each kept for a while. */
export class SignedHeaders {
  constructor(signer: Signer, options?: { seconds?: number; now?: () => number });
  of(method: string, bucket: U64): Promise<string>;
  forget(method: string, bucket: U64): void;
}

// ---- the client ----

export interface ProviderOptions {
  url: string | URL;
  /** The provider's sr25519 key, as the chain has it. With null no signature of it is verified. */
  providerKey: HexOrBytes | null;
  /** The hashing profile of its buckets: `plain`, unless the chain has another. */
  profile?: Profile;
  signer?: Signer;
  /** How long a signed header is used again: 60 seconds, and at most 240. */
  headerSeconds?: number;
  /** The time of a request: 60,000. */
  timeoutMs?: number;
  /** How often a request is made at most: 4 times. */
  attempts?: number;
  fetch?: typeof globalThis.fetch;
  /** The time in milliseconds since 1970. */
  now?: () => number;
  sleep?: (ms: number) => Promise<void>;
}

export interface RequestOptions {
  signal?: AbortSignal;
}

export interface ReadOptions extends RequestOptions {
  offset?: U64;
  length?: U64;
  /** Signs the request for a bucket, for providers whose reads are for members. */
  bucket?: U64;
}

export interface TermsRequest {
  /** The owner's address, in SS58. */
  owner: string;
  maxBytes: U64;
  /** In anchor blocks. */
  duration: number;
  pricePerByte: U64;
  bucketId?: U64 | null;
  replica?: { syncBalance: U64; minSyncInterval: number; syncPrice?: U64 } | null;
}

/** Terms as the API has them. A number above 2^53 - 1 is a bigint. */
export interface Terms {
  owner: string;
  max_bytes: U64;
  duration: number;
  price_per_byte: U64;
  valid_until: number;
  nonce: U64;
  bucket_id: U64 | null;
  replica_params: { sync_balance: U64; min_sync_interval: number; sync_price: U64 } | null;
}

export interface SignedCommitment {
  mmrRoot: Uint8Array;
  startSeq: bigint;
  leafCount: bigint;
  nonce: bigint | null;
  /** A `MultiSignature` in SCALE. */
  signature: Uint8Array;
  /** The signed bytes. */
  payload: Uint8Array;
  /** False only without a `providerKey`. */
  isVerified: boolean;
}

export interface ProvenLeaf {
  leaf: { dataRoot: Uint8Array; dataSize: bigint; totalSize: bigint };
  peaks: Uint8Array[];
  leafProof: { siblings: Uint8Array[]; path: boolean[] };
  index: bigint;
  sequence: bigint;
  commitment: SignedCommitment;
}

export interface UploadedPart extends Part {
  /** The leaf's number in the bucket, which a prune does not change. */
  sequence: bigint;
}

export interface UploadOptions extends RequestOptions {
  /** Commits content as one leaf, also where its tree has padding. Providers refuse it by default. */
  padding?: boolean;
  /** Chunks that are sent at once: 4. */
  concurrency?: number;
  onProgress?: (state: { sent: number; total: number }) => void;
}

export class Provider {
  constructor(options: ProviderOptions);
  readonly providerKey: Uint8Array | null;
  bucket(id: U64): BucketClient;
  verifier(): Promise<Verifier>;
  health(options?: RequestOptions): Promise<{ status: string; version: string }>;
  info(options?: RequestOptions): Promise<Record<string, unknown>>;
  negotiate(request: TermsRequest, options?: RequestOptions): Promise<{ terms: Terms; signature: Uint8Array }>;
  /** Yields the bytes of a range, each chunk verified before it is given. */
  read(content: ContentRef, options?: ReadOptions): AsyncGenerator<Uint8Array, void, void>;
  download(content: ContentRef, options?: ReadOptions): Promise<Uint8Array>;
  chunkProof(
    content: ContentRef, index: U64, options?: RequestOptions & { bucket?: U64 },
  ): Promise<{ chunk: Uint8Array; proof: { siblings: Uint8Array[]; path: boolean[] } }>;
  /** Makes any request of the API. */
  ask(method: string, route: string, options?: RequestOptions & {
    query?: Record<string, unknown>; body?: unknown; bucket?: U64; limit?: number; once?: boolean;
  }): Promise<any>;
}

/** A bucket at a provider; `Provider.bucket` makes it. */
export class BucketClient {
  constructor(provider: Provider, id: U64);
  readonly id: bigint;
  missing(hashes: HexOrBytes[], options?: RequestOptions): Promise<Uint8Array[]>;
  putChunk(bytes: Uint8Array, options?: RequestOptions): Promise<Uint8Array>;
  putNode(node: { hash: HexOrBytes; left: HexOrBytes; right: HexOrBytes }, options?: RequestOptions): Promise<void>;
  upload(content: Content, options?: UploadOptions): Promise<{ parts: UploadedPart[]; commitment: SignedCommitment }>;
  commit(dataRoots: HexOrBytes[], options?: RequestOptions): Promise<{ commitment: SignedCommitment; leafIndices: bigint[] }>;
  commitment(options?: RequestOptions): Promise<SignedCommitment>;
  checkpointSignature(options?: RequestOptions): Promise<SignedCommitment>;
  leaf(sequence: U64, options?: RequestOptions): Promise<ProvenLeaf>;
  read(sequences: Iterable<U64>, options?: RequestOptions): AsyncGenerator<Uint8Array, void, void>;
  download(sequences: Iterable<U64>, options?: RequestOptions): Promise<Uint8Array>;
}
