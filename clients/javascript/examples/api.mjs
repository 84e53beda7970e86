// node api.mjs ws://127.0.0.1:9944 BUCKET LEAF
//
// Does the same as proof.mjs with a Substrate node that has loaded Cairn: Cairn's methods are
// registered, and called like the node's own.

import { ApiPromise, WsProvider } from '@polkadot/api';
import { rpc } from 'cairn-storage-client/rpc';
import { refusesAlteredProofs, verifySigned } from './verify.mjs';

const [url, bucket, leaf] = process.argv.slice(2);
const api = await ApiPromise.create({ provider: new WsProvider(url), rpc, noInitWarn: true });

const signed = (await api.rpc.cairnBucket_v1.commitment(Number(bucket))).toJSON();
const commitment = await verifySigned(signed);
const root = signed.commitment.mmrRoot;
const proof = (await api.rpc.cairnBucket_v1.mmrProof(Number(bucket), Number(leaf), { root })).toJSON();
await refusesAlteredProofs(proof, Number(leaf), commitment);
const { isReady } = (await api.rpc.cairnProvider_v1.health()).toJSON();
console.log(`ApiPromise: leaf ${leaf} of bucket ${bucket} is under the signed root ${root}; the provider is ready: ${isReady}`);
await api.disconnect();
