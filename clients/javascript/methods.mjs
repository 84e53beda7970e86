// Cairn's methods, as @polkadot/api wants to be told of them: after that they are
// `api.rpc.bucket.mmrProof(...)` and so on.

const bucket = { name: 'bucket', type: 'u64' };
const leafIndex = { name: 'leafIndex', type: 'u64' };
const chunkIndex = { name: 'chunkIndex', type: 'u64' };
const at = { name: 'at', type: 'Json', isOptional: true };

const method = (description, params) => ({ description, params, type: 'Json' });

export const rpc = {
  bucket: {
    info: method('What is known of a bucket', [bucket]),
    commitment: method('The newest commitment, signed', [bucket]),
    mmrProof: method('Proves a leaf', [bucket, leafIndex, at]),
    challengeResponse: method('The whole answer to a challenge', [
      bucket, leafIndex, chunkIndex, at,
    ]),
    subscribeCommitments: {
      ...method('Each commitment that is signed', [{ ...bucket, isOptional: true }]),
      pubsub: ['signedCommitment', 'subscribeCommitments', 'unsubscribeCommitments'],
    },
  },
  provider: {
    status: method('Who answers here', []),
    health: method('Whether it does what its stake depends on', []),
  },
};
