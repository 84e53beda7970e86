// Cairn's methods as @polkadot/api registers them. They are then called as
// `api.rpc.cairnBucket_v1.mmrProof(...)`.

const bucket = { name: 'bucket', type: 'u64' };
const leafIndex = { name: 'leafIndex', type: 'u64' };
const chunkIndex = { name: 'chunkIndex', type: 'u64' };
const at = { name: 'at', type: 'Json', isOptional: true };

const method = (description, params) => ({ description, params, type: 'Json' });

export const rpc = {
  cairnBucket_v1: {
    info: method('Returns a bucket\'s state, settings and usage', [bucket]),
    commitment: method('Returns the newest commitment with its signature', [bucket]),
    mmrProof: method('Proves a leaf', [bucket, leafIndex, at]),
    challengeResponse: method('Returns the complete response to a challenge', [
      bucket, leafIndex, chunkIndex, at,
    ]),
    subscribeCommitments: {
      ...method('Notifies of each commitment that is signed', [{ ...bucket, isOptional: true }]),
      pubsub: ['commitmentEvent', 'subscribeCommitments', 'unsubscribeCommitments'],
    },
  },
  cairnProvider_v1: {
    status: method('Returns the provider\'s identity', []),
    health: method('Returns whether the provider does what its stake depends on', []),
  },
};
