// node proof.mjs ws://127.0.0.1:9955 BUCKET LEAF
//
// Fetches a signed commitment and the proof of a leaf under its root from a provider over the
// JSON-RPC, and verifies both. It uses WsProvider alone, since a provider is no Substrate node.

import { WsProvider } from '@polkadot/rpc-provider';
import { refusesAlteredProofs, verifySigned } from './verify.mjs';

const [url, bucket, leaf] = process.argv.slice(2);
const provider = new WsProvider(url);
await provider.isReady;

const signed = await provider.send('cairnBucket_v1_commitment', [Number(bucket)]);
const commitment = await verifySigned(signed);
const root = signed.commitment.mmrRoot;
const proof = await provider.send('cairnBucket_v1_mmrProof', [Number(bucket), Number(leaf), { root }]);
await refusesAlteredProofs(proof, Number(leaf), commitment);
console.log(`WsProvider: leaf ${leaf} of bucket ${bucket} is under the signed root ${root}`);
await provider.disconnect();
