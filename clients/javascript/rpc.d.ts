// Written by scripts/rpc.mjs from docs/openrpc.json.

/**
 * A proof that one state is the beginning of another one, as `mmr_generateAncestryProof` returns
 * it, with its field names.
 */
export interface AncestryProof {
  /** The other nodes that the proof needs, by ascending position. */
  items: ([number, H256])[];
  /** The leaf count of the later state. */
  leaf_count: number;
  /** The leaf count of the earlier state. */
  prev_leaf_count: number;
  /** The peaks of the earlier state, left to right. */
  prev_peaks: H256[];
}

/**
 * A state of a bucket. Without any field, the newest one; with `root`, the one that had that
 * root, of the tree that starts at `startSeq` if that is given; with `leafCount`, the current
 * tree as of that leaf count.
 */
export interface AtState {
  /** A leaf count of the current tree. */
  leafCount?: U64OrHex | null;
  /** The newest root, or one that was signed. */
  root?: H256 | null;
  /** The first sequence of the root's tree. */
  startSeq?: U64OrHex | null;
}

/** A bucket's state, settings and usage. */
export interface BucketInfo {
  /** The bucket's id on chain. */
  bucket: U64OrHex;
  /**
   * The bytes charged against `maxBytes`: the content, and the records that keep content and
   * leaves, except those of retired trees.
   */
  chargedBytes: U64OrHex;
  /** The number of chunks held. */
  chunks: U64OrHex;
  /** The newest commitment, which need not be signed. */
  commitment: CommitmentInfo;
  /** The bucket's hashing profile. */
  hashing: Hashing;
  /** The most bytes that the bucket may be charged. */
  maxBytes: U64OrHex;
  /** The reason why nothing is signed for a sound bucket, if so. */
  notSigned: string | null;
  /**
   * The last signed commitment. Its time is 0 where an import brought the commitment along, which
   * others may have signed, or nobody.
   */
  signed: SignedInfo | null;
  /** The bucket's status. */
  standing: BucketStatusInfo;
  /** The sum of the sizes of all leaves that were ever committed, in bytes. */
  totalSize: U64OrHex;
  /**
   * The number of leaves that the chain cannot verify answers for, which an import brought along.
   * Null where they have not been counted.
   */
  unprovableLeaves: U64OrHex | null;
  /** The bytes of content held, each chunk counted once. */
  usedBytes: U64OrHex;
}

/** A page of buckets, in the order of their ids. */
export interface BucketPage {
  /** The buckets. */
  buckets: BucketInfo[];
  /** The value of `after` for the next page; null after the last page. */
  next: U64OrHex | null;
}

/** The status of a bucket. Details of a failed check are for the operator only. */
export type BucketStatusInfo = "sound" | "quarantined" | "lost" | "learning";

/** Bytes in hex; SCALE, where a chain reads it. */
export type Bytes = `0x${string}`;

/** A kind of change of a challenge. */
export type ChallengeChange = "open" | "progress" | "closed";

/** A change of an open challenge. */
export interface ChallengeEvent {
  /** The challenge as it is now; of a closed one, its last known state. */
  challenge: ChallengeInfo;
  /** The kind of change. */
  change: ChallengeChange;
}

/** An open challenge against the provider, with the progress of its answer. */
export interface ChallengeInfo {
  /** The number of answers submitted so far. */
  attempts: number;
  /** Anchor blocks until the deadline, as of the best known block. */
  blocksLeft: number | null;
  /** The challenged bucket. */
  bucket: U64OrHex;
  /** The chunk of that leaf. */
  chunkIndex: U64OrHex;
  /** The last anchor block at which an answer is taken. */
  deadline: number;
  /** The extrinsic that was submitted last, if it may still be included. */
  extrinsic: H256 | null;
  /** Its number among the challenges with the same deadline. */
  index: number;
  /** True if no proof can ever answer it, as for a padding slot of a leaf's chunk tree. */
  isUnprovable: boolean;
  /** The leaf, counted from the challenged commitment's `start_seq`. */
  leafIndex: U64OrHex;
  /** The signed root that must be answered for. */
  mmrRoot: H256;
  /** True if the operator must act; the provider's log has the reason. */
  needsOperator: boolean;
  /** The progress of its answer. */
  stage: ChallengeStage;
}

/** The complete response to a challenge. */
export interface ChallengeResponseInfo {
  /** The verdict of the deployed chain's rule. */
  chainRule: RuleVerdict;
  /** The commitment that the response is for. */
  commitment: CommitmentInfo;
  /** The `ChallengeResponse` in SCALE, as `respond_to_challenge` takes it. */
  response: Bytes;
  /** The slot that the chain derives from the requested chunk index. */
  slot: U64OrHex;
  /** The verdict of the strict rule, which also binds the leaf to its index. */
  strictRule: RuleVerdict;
}

/** The progress of the answer to a challenge. */
export type ChallengeStage = "waiting" | "atWork" | "submitted" | "inBlock" | "finalized";

/**
 * A proof that a chunk is under a leaf's data root. The provider has verified it together with
 * the leaf's own proof.
 */
export interface ChunkProofInfo {
  /** The chunk's hash. */
  chunkHash: H256;
  /** The path from the chunk to the leaf's `dataRoot`. */
  chunkProof: PathInfo;
  /** The state that the leaf belongs to. */
  commitment: CommitmentInfo;
  /** The leaf. */
  leaf: LeafInfo;
  /** The `MerkleProof` in SCALE. */
  scale: Bytes;
  /** The slot that the chain derives from the requested chunk index. */
  slot: U64OrHex;
}

/** A commitment of a bucket that was signed. */
export interface CommitmentEvent {
  /** The bucket. */
  bucket: U64OrHex;
  /** The signed commitment. */
  commitment: CommitmentInfo;
  /** When it was signed, in milliseconds since the Unix epoch. */
  signedMs: U64OrHex;
}

/** A commitment in readable form. The signed bytes are in `payload` of `SignedCommitmentInfo`. */
export interface CommitmentInfo {
  /** The number of leaves under the root. */
  leafCount: U64OrHex;
  /** The root of the MMR. */
  mmrRoot: H256;
  /** The sequence of the tree's first leaf. */
  startSeq: U64OrHex;
}

/** The result of a commit: durable and signed. */
export interface CommittedInfo {
  /** The index of the first of the new leaves. */
  firstLeaf: U64OrHex;
  /** The commitment right after them. */
  signed: SignedCommitmentInfo;
}

/** The payload of a deletion. */
export interface DeletionInfo {
  /** The commitment of the tree after the deletion. */
  commitment: CommitmentInfo;
  /** The bytes to sign: the `CommitmentPayload` of the deletion in SCALE. */
  payload: Bytes;
}

/** The form of an exported copy. */
export type ExportForm = "folder" | "archive";

/** An exported copy of a bucket. */
export interface ExportInfo {
  /** The size of its files, in bytes. */
  bytes: U64OrHex;
  /** The state that was copied. */
  commitment: CommitmentInfo;
  /** The number of its files. */
  files: U64OrHex;
  /** Where it is, on the provider's machine. */
  path: string;
}

/** Chunks and interior nodes by their hashes. */
export interface FetchedNodes {
  /** Hashes that the bucket does not hold. */
  missing: H256[];
  /** The requested hashes that were found, with their content. */
  nodes: ([H256, NodeContent])[];
  /** Hashes to request again: their content did not fit into this answer. */
  rest: H256[];
}

/** A hash or a public key, 32 bytes in hex. */
export type H256 = `0x${string}`;

/** A bucket's hashing profile. */
export type Hashing = "plain" | "tagged";

/** The state of a bucket that a provider could sign. */
export interface HeldStateInfo {
  /** The number of leaves of that tree that the provider has. */
  leafCount: U64OrHex;
  /** The commitment that the provider has signed for the requested window. */
  signed: CommitmentInfo | null;
  /** The first sequence of the current tree. */
  startSeq: U64OrHex;
}

/** A leaf. */
export interface LeafInfo {
  /** The number of chunks of its content. */
  chunks: U64OrHex;
  /** The root of its content's chunk tree. */
  dataRoot: H256;
  /** The length of its content, in bytes. */
  dataSize: U64OrHex;
  /** Its index in the tree. */
  leafIndex: U64OrHex;
  /** Its sequence, which a prune does not change. */
  sequence: U64OrHex;
  /** The sum of `dataSize` over this leaf and all before it in the bucket's life. */
  totalSize: U64OrHex;
}

/** Content that a commit makes a leaf. */
export interface LeafToCommit {
  /** The root of its chunk tree. */
  dataRoot: H256;
  /** Its length, in bytes. */
  dataSize: U64OrHex;
}

/**
 * Leaves and their proof: `mmr_rpc::LeavesProof<H256>`. A state of a bucket takes the place of a
 * block: `blockHash` is its signed root, by which `cairnBucket_v1_verifyProof` finds it. The
 * proof itself leads to the `palletMmrRoot` of `cairnBucket_v1_peaks`.
 */
export interface LeavesProof {
  /** The signed root of the state that is proven for. */
  blockHash: H256;
  /** A vector of leaves in SCALE, each wrapped as `EncodableOpaqueLeaf`. */
  leaves: Bytes;
  /** An `sp_mmr_primitives::LeafProof<H256>` in SCALE. */
  proof: Bytes;
}

/** A proof that a leaf is under a root. */
export interface MmrProofInfo {
  /** The state that it is proven for. */
  commitment: CommitmentInfo;
  /** The leaf. */
  leaf: LeafInfo;
  /** The path from the leaf to the peak above it. */
  leafProof: PathInfo;
  /** All peaks of that state, left to right. */
  peaks: H256[];
  /** The `MmrProof` in SCALE. */
  scale: Bytes;
}

/**
 * Settings of a new bucket. Fields that are left out have the values of a bucket of the deployed
 * pallet without a quota.
 */
export interface NewBucket {
  /** The hashing profile, for the bucket's whole life. */
  hashing?: Hashing | null;
  /** The most bytes that the bucket may be charged. */
  maxBytes?: U64OrHex | null;
}

/** The content of a bucket under a hash. */
export type NodeContent = {
  chunk: Bytes;
} | {
  node: H256[];
};

/** The offer of a provider at its last finalized block. */
export interface OfferInfo {
  /** The bytes that it has space for now. */
  availableBytes: U64OrHex;
  /** The most bytes of one agreement. */
  maxBytes: U64OrHex;
  /** The longest agreement, in anchor blocks. */
  maxDuration: number;
  /** The shortest agreement, in anchor blocks. */
  minDuration: number;
  /** The least anchor blocks between syncs of a replica. */
  minSyncInterval: number | null;
  /** The price of a byte for one anchor block, in the chain's smallest unit. */
  pricePerByte: U128OrHex;
  /** True if it signs terms for a primary provider. */
  primary: boolean;
  /** The price of a sync, if it signs terms for a replica, in the chain's smallest unit. */
  syncPrice: U128OrHex | null;
  /** The last anchor block at which terms that are signed now may be redeemed. */
  validUntil: number;
}

/** A path from a leaf of a binary tree to its root. */
export interface PathInfo {
  /** For each level, whether the node so far is the right child. */
  path: boolean[];
  /** The sibling at each level, leaf to root. */
  siblings: H256[];
}

/** A state's commitment with its peaks. */
export interface PeaksInfo {
  /** The state. */
  commitment: CommitmentInfo;
  /**
   * The root that the same peaks have in `pallet-mmr`, which differs from the signed one. Null
   * for a bucket with tagged hashing.
   */
  palletMmrRoot: H256 | null;
  /** Its peaks, left to right. */
  peaks: H256[];
}

/** The provider's health, as far as its stake depends on it. */
export interface ProviderHealth {
  /** The number of open challenges that need the operator. */
  alarmedChallenges: U64OrHex;
  /** The last finalized anchor block that was read; 0 before the first. */
  anchor: U64OrHex;
  /**
   * The number of buckets that lack something to which the chain may hold this provider;
   * `cairnProvider_v1_status` lists them.
   */
  brokenPromises: U64OrHex;
  /** True if the chain is reached, and a finalized block was read recently. */
  followsChain: boolean;
  /** True if the account's funds for answers are low: its operator should transfer funds. */
  fundsLow: boolean;
  /** True if the provider follows its chain and takes requests. */
  isReady: boolean;
  /**
   * Anchor blocks until the nearest deadline for which no block has an answer; the whole
   * challenge period where there is none.
   */
  nearestDeadline: U64OrHex;
  /** The reason why it is not ready, if so. */
  notReadyBecause: string | null;
  /** The number of open challenges. */
  openChallenges: U64OrHex;
  /** The number of answers of full size that the account can pay for, if that is known. */
  payableAnswers: U64OrHex | null;
  /** The number of buckets that have failed a check. */
  quarantinedBuckets: U64OrHex;
  /** The reason why nothing at all is signed, if so. */
  signingOff: string | null;
  /** The number of requests that are queued. */
  waitingRequests: U64OrHex;
}

/** The provider's identity, and what needs its operator. */
export interface ProviderStatus {
  /** The provider's account. */
  account: H256;
  /** Buckets whose agreement has ended, so that they take no new content. */
  ended: U64OrHex[];
  /**
   * Buckets that the chain holds this provider to, and of which it has deleted a state that it
   * signed.
   */
  letGo: U64OrHex[];
  /** The most buckets that may be open at once. */
  maxOpenBuckets: U64OrHex;
  /** Buckets that lack a state over which the chain has this provider's signature. */
  missingPromises: U64OrHex[];
  /** The number of buckets that are open now. */
  openBuckets: U64OrHex;
  /** Buckets that have failed a check and take no writes. */
  quarantined: U64OrHex[];
  /**
   * The states of these agreements, and of those that have ended since. Empty until the provider
   * has looked at them.
   */
  replicaStates: ReplicaInfo[];
  /** Buckets that the provider has an agreement for as a replica. */
  replicas: U64OrHex[];
  /** Buckets with an agreement that is not served: none was made, or it cannot be changed. */
  unserved: U64OrHex[];
  /**
   * True while uploads are refused because the disk has no space left but the reserve for answers
   * and signatures.
   */
  uploadsStopped: boolean;
  /** Cairn's version. */
  version: string;
}

/** An admin's authorisation of a prune. */
export interface PruneAuthorisation {
  /** The admin's account. */
  admin: H256;
  /** The leaf count of the new tree when that payload was returned. */
  leafCount: U64OrHex;
  /** The admin's `MultiSignature` in SCALE over the deletion's payload. */
  signature: Bytes;
}

/** The result of a prune. */
export interface PrunedInfo {
  /** The new current tree. */
  commitment: CommitmentInfo;
  /** The tree that ended. It stays provable until the chain no longer holds the provider to it. */
  retired: CommitmentInfo;
}

/** An agreement of the provider as a replica of a bucket. */
export interface ReplicaInfo {
  /** The bucket. */
  bucket: U64OrHex;
  /**
   * True if what the provider has confirmed last cannot be proven: a challenge of it costs the
   * stake.
   */
  isMissing: boolean;
  /** The anchor block of the last confirmation that the chain has. */
  lastConfirmation: number | null;
  /** Its state, as of the last look at the agreements. */
  state: ReplicaStateInfo;
}

/** The state of a replica. The provider's log has the reasons. */
export type ReplicaStateInfo = "synced" | "behind" | "syncing" | "waiting" | "unpaid" | "noCheckpoint" | "notEnabled" | "leftBehind" | "missing" | "failed" | "ended";

/** The terms of a replica's syncs. */
export interface ReplicaTermsInfo {
  /** The least anchor blocks between two syncs. */
  minSyncInterval: number;
  /** The balance that the owner sets aside for syncs, in the chain's smallest unit. */
  syncBalance: U128OrHex;
  /**
   * The price of a sync, in the chain's smallest unit; in a request, the most that the owner
   * pays.
   */
  syncPrice: U128OrHex;
}

/** A rule's verdict on an answer. */
export interface RuleVerdict {
  /** True if the answer passes. */
  accepted: boolean;
  /** The first check that it fails. */
  reason: string | null;
}

/** A commitment with the provider's signature. */
export interface SignedCommitmentInfo {
  /** The bucket. */
  bucket: U64OrHex;
  /** The signed commitment. */
  commitment: CommitmentInfo;
  /** The signed bytes: the `CommitmentPayload` in SCALE. */
  payload: Bytes;
  /** A `MultiSignature` in SCALE. */
  signature: Bytes;
  /** The sr25519 public key of the signer. */
  signer: H256;
}

/** A commitment that was signed, with the time. */
export interface SignedInfo {
  /** The signed commitment. */
  commitment: CommitmentInfo;
  /** When it was signed, in milliseconds since the Unix epoch. */
  signedMs: U64OrHex;
}

/** Terms with the provider's signature, which the owner redeems on chain. */
export interface SignedTermsInfo {
  /** The existing bucket; without it a new one. */
  bucket: U64OrHex | null;
  /** The agreement's duration from its redemption, in anchor blocks. */
  duration: number;
  /** The most bytes that may be stored. */
  maxBytes: U64OrHex;
  /** Their number: no other terms of the provider have it. */
  nonce: U64OrHex;
  /** The account that may redeem them. */
  owner: H256;
  /** The price of a byte for one anchor block, in the chain's smallest unit. */
  pricePerByte: U128OrHex;
  /** The terms for a replica. */
  replica: ReplicaTermsInfo | null;
  /** The provider's signature of them, a `MultiSignature` in SCALE. */
  signature: Bytes;
  /** All of these as the chain's `AgreementTerms`, in SCALE. */
  terms: Bytes;
  /** The last anchor block at which they may be redeemed. */
  validUntil: number;
}

/** A request for terms. */
export interface TermsToSign {
  /** The existing bucket for a replica; without it a new bucket for a primary provider. */
  bucket?: U64OrHex | null;
  /** The agreement's duration, in anchor blocks. */
  duration: number;
  /** The most bytes to store. */
  maxBytes: U64OrHex;
  /**
   * The most that the owner pays for a byte and an anchor block, in the chain's smallest unit;
   * any price without it. The provider signs its own price.
   */
  maxPrice?: U128OrHex | null;
  /** The account that will redeem the terms, and owns the agreement. */
  owner: H256;
  /** The terms for a replica. */
  replica?: ReplicaTermsInfo | null;
}

/** A number below 2^128: a number up to 2^53 - 1, and hex above. */
export type U128OrHex = number | `0x${string}`;

/** A number below 2^64: a number up to 2^53 - 1, and hex above. */
export type U64OrHex = number | `0x${string}`;

/** The methods, by name: their parameters in order, and what they return. */
export interface CairnMethods {
  /**
   * Proves that the state with `prevLeafCount` leaves was the beginning of another one, in the
   * shape of `mmr_generateAncestryProof`
   */
  cairnBucket_v1_ancestryProof: {
    params: [bucket: U64OrHex, prevLeafCount: U64OrHex, at?: AtState];
    result: AncestryProof;
  };
  /**
   * Returns the complete response to a challenge, ready for the extrinsic, with the verdicts of
   * the deployed chain's rule and of the strict rule
   */
  cairnBucket_v1_challengeResponse: {
    params: [bucket: U64OrHex, leafIndex: U64OrHex, chunkIndex: U64OrHex, at?: AtState];
    result: ChallengeResponseInfo;
  };
  /**
   * Returns the provider's signature for a client's checkpoint, over the commitment that the
   * current tree had at `leafCount` leaves
   */
  cairnBucket_v1_checkpointSignature: {
    params: [bucket: U64OrHex, leafCount: U64OrHex];
    result: SignedCommitmentInfo;
  };
  /** Proves a chunk of a leaf, without its bytes */
  cairnBucket_v1_chunkProof: {
    params: [bucket: U64OrHex, leafIndex: U64OrHex, chunkIndex: U64OrHex, at?: AtState];
    result: ChunkProofInfo;
  };
  /** Returns the newest commitment with its signature */
  cairnBucket_v1_commitment: {
    params: [bucket: U64OrHex];
    result: SignedCommitmentInfo;
  };
  /** Returns chunks and interior nodes by their hashes, as many as fit into one answer */
  cairnBucket_v1_fetchNodes: {
    params: [bucket: U64OrHex, hashes: H256[]];
    result: FetchedNodes;
  };
  /** Proves leaves in the proof format of `pallet-mmr`, in the shape of `mmr_generateProof` */
  cairnBucket_v1_generateProof: {
    params: [bucket: U64OrHex, leafIndices: U64OrHex[], at?: AtState];
    result: LeavesProof;
  };
  /** Returns a bucket's state, settings and usage */
  cairnBucket_v1_info: {
    params: [bucket: U64OrHex];
    result: BucketInfo;
  };
  /** Returns a leaf of a state */
  cairnBucket_v1_leaf: {
    params: [bucket: U64OrHex, leafIndex: U64OrHex, at?: AtState];
    result: LeafInfo;
  };
  /**
   * Returns the buckets after `after`, in the order of their ids, at most `limit` of them (100 by
   * default)
   */
  cairnBucket_v1_list: {
    params: [after?: U64OrHex, limit?: number];
    result: BucketPage;
  };
  /**
   * Returns those of the given hashes of chunks and interior nodes that the bucket does not hold,
   * in the given order
   */
  cairnBucket_v1_missingNodes: {
    params: [bucket: U64OrHex, hashes: H256[]];
    result: H256[];
  };
  /** Proves a leaf, in the storage pallet's own proof format */
  cairnBucket_v1_mmrProof: {
    params: [bucket: U64OrHex, leafIndex: U64OrHex, at?: AtState];
    result: MmrProofInfo;
  };
  /** Returns the peaks of a state, and the root that they have in `pallet-mmr` */
  cairnBucket_v1_peaks: {
    params: [bucket: U64OrHex, at?: AtState];
    result: PeaksInfo;
  };
  /**
   * Notifies of each commitment that is signed from now on, of one bucket or of all, once it is
   * durable
   */
  cairnBucket_v1_subscribeCommitments: {
    params: [bucket?: U64OrHex];
    result: string;
    event: CommitmentEvent;
    unsubscribe: 'cairnBucket_v1_unsubscribeCommitments';
  };
  /**
   * Verifies a proof of `cairnBucket_v1_generateProof` for the state whose signed root is the
   * proof's `blockHash`
   */
  cairnBucket_v1_verifyProof: {
    params: [bucket: U64OrHex, proof: LeavesProof];
    result: boolean;
  };
  /**
   * Returns the open challenges against the provider, nearest deadline first, with the progress
   * of each answer
   */
  cairnProvider_v1_challenges: {
    params: [];
    result: ChallengeInfo[];
  };
  /** Returns whether the provider does what its stake depends on */
  cairnProvider_v1_health: {
    params: [];
    result: ProviderHealth;
  };
  /**
   * Returns the state of a bucket that the provider could sign; with a window, also the
   * commitment that it has signed for that window
   */
  cairnProvider_v1_heldState: {
    params: [bucket: U64OrHex, window?: U64OrHex];
    result: HeldStateInfo;
  };
  /** Signs terms of an agreement, at the provider's price */
  cairnProvider_v1_negotiate: {
    params: [request: TermsToSign];
    result: SignedTermsInfo;
  };
  /** Returns the terms that the provider would sign now */
  cairnProvider_v1_offer: {
    params: [];
    result: OfferInfo;
  };
  /** Returns the provider's signature for a checkpoint, a `MultiSignature` in SCALE */
  cairnProvider_v1_signCheckpoint: {
    params: [ask: Bytes];
    result: Bytes;
  };
  /** Returns the provider's account and version, and the buckets that need its operator */
  cairnProvider_v1_status: {
    params: [];
    result: ProviderStatus;
  };
  /**
   * Notifies of the open challenges, and then of each change: a new challenge, progress of an
   * answer, and a challenge that the chain no longer has
   */
  cairnProvider_v1_subscribeChallenges: {
    params: [];
    result: string;
    event: ChallengeEvent;
    unsubscribe: 'cairnProvider_v1_unsubscribeChallenges';
  };
  /** Commits content as leaves, all or none */
  cairnWrite_v1_commit: {
    params: [bucket: U64OrHex, leaves: LeafToCommit[]];
    result: CommittedInfo;
  };
  /** Creates an empty bucket */
  cairnWrite_v1_createBucket: {
    params: [bucket: U64OrHex, config?: NewBucket];
    result: BucketInfo;
  };
  /**
   * Deletes a bucket of which nothing was signed, or of which the chain can no longer demand
   * anything
   */
  cairnWrite_v1_deleteBucket: {
    params: [bucket: U64OrHex];
    result: null;
  };
  /**
   * Returns the payload that an admin signs to authorise the deletion of all leaves before a
   * sequence
   */
  cairnWrite_v1_deletionPayload: {
    params: [bucket: U64OrHex, beforeSeq: U64OrHex];
    result: DeletionInfo;
  };
  /** Copies a bucket as it is now to a folder or an archive on the provider's machine */
  cairnWrite_v1_exportBucket: {
    params: [bucket: U64OrHex, path: string, form?: ExportForm];
    result: ExportInfo;
  };
  /**
   * Drops the leaves before a sequence, authorised by the signature of an account that is an
   * admin of the bucket on chain
   */
  cairnWrite_v1_pruneBucket: {
    params: [bucket: U64OrHex, beforeSeq: U64OrHex, authorisation: PruneAuthorisation];
    result: PrunedInfo;
  };
  /** Stores a chunk of at most 256 KiB under its hash */
  cairnWrite_v1_putChunk: {
    params: [bucket: U64OrHex, hash: H256, data: Bytes];
    result: boolean;
  };
  /** Stores an interior node of a chunk tree under its hash, after its children */
  cairnWrite_v1_putNode: {
    params: [bucket: U64OrHex, hash: H256, left: H256, right: H256];
    result: boolean;
  };
}

export type CairnMethod = keyof CairnMethods;

/** The methods, as `ApiPromise.create({ rpc })` of polkadot-js takes them. */
export const rpc: Record<string, Record<string, {
  description: string;
  params: { name: string; type: string; isOptional?: boolean }[];
  type: string;
  pubsub?: [string, string, string];
}>>;
