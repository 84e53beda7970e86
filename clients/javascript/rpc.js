// Written by scripts/rpc.mjs from docs/openrpc.json: the JSON-RPC, as polkadot-js registers it.

export const rpc = {
  "cairnBucket_v1": {
    "ancestryProof": {
      "description": "Proves that the state with `prevLeafCount` leaves was the beginning of another one, in the shape of `mmr_generateAncestryProof`",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "prevLeafCount",
          "type": "u64"
        },
        {
          "name": "at",
          "type": "Json",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "challengeResponse": {
      "description": "Returns the complete response to a challenge, ready for the extrinsic, with the verdicts of the deployed chain's rule and of the strict rule",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "leafIndex",
          "type": "u64"
        },
        {
          "name": "chunkIndex",
          "type": "u64"
        },
        {
          "name": "at",
          "type": "Json",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "checkpointSignature": {
      "description": "Returns the provider's signature for a client's checkpoint, over the commitment that the current tree had at `leafCount` leaves",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "leafCount",
          "type": "u64"
        }
      ],
      "type": "Json"
    },
    "chunkProof": {
      "description": "Proves a chunk of a leaf, without its bytes",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "leafIndex",
          "type": "u64"
        },
        {
          "name": "chunkIndex",
          "type": "u64"
        },
        {
          "name": "at",
          "type": "Json",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "commitment": {
      "description": "Returns the newest commitment with its signature",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        }
      ],
      "type": "Json"
    },
    "fetchNodes": {
      "description": "Returns chunks and interior nodes by their hashes, as many as fit into one answer",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "hashes",
          "type": "Vec<H256>"
        }
      ],
      "type": "Json"
    },
    "generateProof": {
      "description": "Proves leaves in the proof format of `pallet-mmr`, in the shape of `mmr_generateProof`",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "leafIndices",
          "type": "Vec<u64>"
        },
        {
          "name": "at",
          "type": "Json",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "info": {
      "description": "Returns a bucket's state, settings and usage",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        }
      ],
      "type": "Json"
    },
    "leaf": {
      "description": "Returns a leaf of a state",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "leafIndex",
          "type": "u64"
        },
        {
          "name": "at",
          "type": "Json",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "list": {
      "description": "Returns the buckets after `after`, in the order of their ids, at most `limit` of them (100 by default)",
      "params": [
        {
          "name": "after",
          "type": "u64",
          "isOptional": true
        },
        {
          "name": "limit",
          "type": "u32",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "missingNodes": {
      "description": "Returns those of the given hashes of chunks and interior nodes that the bucket does not hold, in the given order",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "hashes",
          "type": "Vec<H256>"
        }
      ],
      "type": "Vec<H256>"
    },
    "mmrProof": {
      "description": "Proves a leaf, in the storage pallet's own proof format",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "leafIndex",
          "type": "u64"
        },
        {
          "name": "at",
          "type": "Json",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "peaks": {
      "description": "Returns the peaks of a state, and the root that they have in `pallet-mmr`",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "at",
          "type": "Json",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "subscribeCommitments": {
      "description": "Notifies of each commitment that is signed from now on, of one bucket or of all, once it is durable",
      "params": [
        {
          "name": "bucket",
          "type": "u64",
          "isOptional": true
        }
      ],
      "type": "Json",
      "pubsub": [
        "commitmentEvent",
        "subscribeCommitments",
        "unsubscribeCommitments"
      ]
    },
    "verifyProof": {
      "description": "Verifies a proof of `cairnBucket_v1_generateProof` for the state whose signed root is the proof's `blockHash`",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "proof",
          "type": "Json"
        }
      ],
      "type": "bool"
    }
  },
  "cairnProvider_v1": {
    "challenges": {
      "description": "Returns the open challenges against the provider, nearest deadline first, with the progress of each answer",
      "params": [],
      "type": "Vec<Json>"
    },
    "health": {
      "description": "Returns whether the provider does what its stake depends on",
      "params": [],
      "type": "Json"
    },
    "heldState": {
      "description": "Returns the state of a bucket that the provider could sign; with a window, also the commitment that it has signed for that window",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "window",
          "type": "u64",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "negotiate": {
      "description": "Signs terms of an agreement, at the provider's price",
      "params": [
        {
          "name": "request",
          "type": "Json"
        }
      ],
      "type": "Json"
    },
    "offer": {
      "description": "Returns the terms that the provider would sign now",
      "params": [],
      "type": "Json"
    },
    "signCheckpoint": {
      "description": "Returns the provider's signature for a checkpoint, a `MultiSignature` in SCALE",
      "params": [
        {
          "name": "ask",
          "type": "Bytes"
        }
      ],
      "type": "Bytes"
    },
    "status": {
      "description": "Returns the provider's account and version, and the buckets that need its operator",
      "params": [],
      "type": "Json"
    },
    "subscribeChallenges": {
      "description": "Notifies of the open challenges, and then of each change: a new challenge, progress of an answer, and a challenge that the chain no longer has",
      "params": [],
      "type": "Json",
      "pubsub": [
        "challengeEvent",
        "subscribeChallenges",
        "unsubscribeChallenges"
      ]
    }
  },
  "cairnWrite_v1": {
    "commit": {
      "description": "Commits content as leaves, all or none",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "leaves",
          "type": "Vec<Json>"
        }
      ],
      "type": "Json"
    },
    "createBucket": {
      "description": "Creates an empty bucket",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "config",
          "type": "Json",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "deleteBucket": {
      "description": "Deletes a bucket of which nothing was signed, or of which the chain can no longer demand anything",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        }
      ],
      "type": "Null"
    },
    "deletionPayload": {
      "description": "Returns the payload that an admin signs to authorise the deletion of all leaves before a sequence",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "beforeSeq",
          "type": "u64"
        }
      ],
      "type": "Json"
    },
    "exportBucket": {
      "description": "Copies a bucket as it is now to a folder or an archive on the provider's machine",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "path",
          "type": "Text"
        },
        {
          "name": "form",
          "type": "Text",
          "isOptional": true
        }
      ],
      "type": "Json"
    },
    "pruneBucket": {
      "description": "Drops the leaves before a sequence, authorised by the signature of an account that is an admin of the bucket on chain",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "beforeSeq",
          "type": "u64"
        },
        {
          "name": "authorisation",
          "type": "Json"
        }
      ],
      "type": "Json"
    },
    "putChunk": {
      "description": "Stores a chunk of at most 256 KiB under its hash",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "hash",
          "type": "H256"
        },
        {
          "name": "data",
          "type": "Bytes"
        }
      ],
      "type": "bool"
    },
    "putNode": {
      "description": "Stores an interior node of a chunk tree under its hash, after its children",
      "params": [
        {
          "name": "bucket",
          "type": "u64"
        },
        {
          "name": "hash",
          "type": "H256"
        },
        {
          "name": "left",
          "type": "H256"
        },
        {
          "name": "right",
          "type": "H256"
        }
      ],
      "type": "bool"
    }
  }
};
