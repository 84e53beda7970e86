// Compiled, never run: the types as a program uses them. `npm run types` does it.

import { ApiError, fromHex, hashContent, keypairSigner, load, Provider, VerificationError } from 'cairn-storage-client';
import type { ProvenLeaf, Signer } from 'cairn-storage-client';
import { rpc } from 'cairn-storage-client/rpc';
import type { CairnMethod, CairnMethods, CommitmentEvent } from 'cairn-storage-client/rpc';

declare const signer: Signer;
declare const pair: { publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array };

export async function uses(file: File): Promise<ProvenLeaf> {
  const provider = new Provider({ url: 'http://127.0.0.1:3333', providerKey: '0x00', signer });
  new Provider({ url: 'http://127.0.0.1:3333', providerKey: null, signer: keypairSigner(pair, { wrap: true }) });
  const bucket = provider.bucket(7);
  const { parts, commitment } = await bucket.upload(file, { onProgress: ({ sent, total }) => sent / total });
  const sequence: bigint | undefined = parts[0]?.sequence;
  for await (const bytes of bucket.read([sequence ?? 0n])) bytes.subarray(1);
  const { plain } = await load();
  plain.verifyCommitment({ commitment, signature: commitment.signature, providerKey: fromHex('0x00'), bucket: 7 });
  await hashContent(new Uint8Array(5), { profile: 'tagged' });
  // @ts-expect-error: the key must be given, if only as null.
  new Provider({ url: 'http://127.0.0.1:3333' });
  // @ts-expect-error: there are two profiles.
  await hashContent(file, { profile: 'sha256' });
  try {
    return await bucket.leaf(0);
  } catch (error) {
    if (error instanceof VerificationError && error.code === 'notUnderItsPeak') throw new Error(error.message);
    // @ts-expect-error: no rule has this name.
    if (error instanceof VerificationError && error.code === 'nothing') throw error;
    if (error instanceof ApiError && error.status === 503) throw error;
    throw error;
  }
}

// As PAPI calls methods that it has no descriptors of.
declare function request<Reply, Params extends unknown[]>(method: string, params: Params): Promise<Reply>;
export const call = <M extends CairnMethod>(method: M, ...params: CairnMethods[M]['params']) =>
  request<CairnMethods[M]['result'], CairnMethods[M]['params']>(method, params);

export async function asks(): Promise<string> {
  const proof = await call('cairnBucket_v1_mmrProof', 7, 3, { leafCount: 5 });
  const event: CairnMethods['cairnBucket_v1_subscribeCommitments']['event'] = {} as CommitmentEvent;
  // @ts-expect-error: a leaf is missing.
  await call('cairnBucket_v1_mmrProof', 7);
  const types: string | undefined = rpc.cairnBucket_v1?.info?.type;
  return `${proof.leaf.dataRoot} ${event.commitment.mmrRoot} ${types}`;
}
