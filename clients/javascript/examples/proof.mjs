// node proof.mjs ws://127.0.0.1:9955 BUCKET LEAF
//
// Fetches a signed commitment and the proof of a leaf under its root from a provider, and
// verifies both. It uses WsProvider alone, since a provider is no Substrate node.

import { WsProvider } from '@polkadot/rpc-provider';
import { hexToU8a } from '@polkadot/util';
import { cryptoWaitReady, sr25519Verify } from '@polkadot/util-crypto';
import { refusesAlteredProofs, verifyLeaf } from './verify.mjs';

const [url, bucket, leaf] = process.argv.slice(2);
const provider = new WsProvider(url);
await provider.isReady;
await cryptoWaitReady();

const signed = await provider.send('cairnBucket_v1_commitment', [Number(bucket)]);
// A MultiSignature: the scheme's index, and then sr25519's 64 bytes.
const signature = hexToU8a(signed.signature);
if (signature[0] !== 1 || !sr25519Verify(hexToU8a(signed.payload), signature.subarray(1), signed.signer)) {
  throw new Error('the signature is invalid');
}
const root = signed.commitment.mmrRoot;
const proof = await provider.send('cairnBucket_v1_mmrProof', [Number(bucket), Number(leaf), { root }]);
verifyLeaf(proof, root);
refusesAlteredProofs(proof, root);
console.log(`WsProvider: leaf ${leaf} of bucket ${bucket} is under the signed root ${root}`);
await provider.disconnect();
