// node api.mjs ws://127.0.0.1:9944 BUCKET LEAF
//
// The same of a Substrate node that has loaded Cairn: its methods are registered, and
// are called as the node's own are.

import { ApiPromise, WsProvider } from '@polkadot/api';
import { rpc } from './methods.mjs';
import { refusesWhatIsBent, verifyLeaf } from './verify.mjs';

const [url, bucket, leaf] = process.argv.slice(2);
const api = await ApiPromise.create({ provider: new WsProvider(url), rpc, noInitWarn: true });

const signed = (await api.rpc.bucket.commitment(Number(bucket))).toJSON();
const root = signed.commitment.mmrRoot;
const proof = (await api.rpc.bucket.mmrProof(Number(bucket), Number(leaf), { root })).toJSON();
verifyLeaf(proof, root);
refusesWhatIsBent(proof, root);
const { isReady } = (await api.rpc.provider.health()).toJSON();
console.log(`ApiPromise: leaf ${leaf} of bucket ${bucket} is under the signed root ${root}; the provider is ready: ${isReady}`);
await api.disconnect();
