// node storage.mjs ws://127.0.0.1:9944 //Charlie
//
// Registers the provider that a node has loaded, makes an agreement with terms that it signed,
// uploads, makes a checkpoint, and challenges it. @polkadot/api knows the chain by its metadata,
// and nothing of Cairn but three of its methods.

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { hexToU8a, stringToU8a, u8aToHex } from '@polkadot/util';
import { blake2AsHex } from '@polkadot/util-crypto';

const [url, suri] = process.argv.slice(2);
const UNIT = 10n ** 12n;
const socket = new WsProvider(url);
const api = await ApiPromise.create({ provider: socket, noInitWarn: true });
const keyring = new Keyring({ type: 'sr25519' });
const provider = keyring.addFromUri(suri);
const owner = keyring.addFromUri('//Ferdie');

// Submits a call, and returns its events once they are final.
function submit (tx, signer) {
  return new Promise((resolve, reject) => {
    tx.signAndSend(signer, ({ dispatchError, events, status }) => {
      if (!status.isFinalized) return;
      if (dispatchError?.isModule) {
        const { section, name } = api.registry.findMetaError(dispatchError.asModule);
        reject(new Error(`${section}.${name}`));
      } else if (dispatchError) {
        reject(new Error(dispatchError.toString()));
      } else {
        resolve(events.map(({ event }) => event));
      }
    }).catch(reject);
  });
}

const find = (events, name) => events.find(({ section, method }) => section === 'storageProvider' && method === name);

// Asks Cairn, which follows the chain a block behind, until it answers.
async function ask (method, params) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await socket.send(method, params);
    } catch (error) {
      if (attempt === 30) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

const calls = api.tx.storageProvider;
const endpoint = u8aToHex(stringToU8a('/ip4/127.0.0.1/tcp/9944'));
await submit(calls.registerProvider(endpoint, u8aToHex(provider.publicKey), 1000n * UNIT), provider);
await submit(calls.updateProviderSettings({
  minDuration: 0,
  maxDuration: 1_000_000,
  pricePerByte: 3,
  acceptingPrimary: true,
  replicaSyncPrice: null,
  acceptingExtensions: true,
  maxCapacity: 0,
}), provider);

const signed = await ask('cairnProvider_v1_negotiate', [{
  owner: u8aToHex(owner.publicKey), maxBytes: 1 << 20, duration: 5000,
}]);
const terms = api.createType(calls.establishStorageAgreement.meta.args[1].type.toString(), hexToU8a(signed.terms));
const signature = api.createType('MultiSignature', hexToU8a(signed.signature));
const agreed = await submit(calls.establishStorageAgreement(provider.address, terms, signature, 'Public'), owner);
const bucket = find(agreed, 'StorageAgreementEstablished').data.bucketId.toNumber();

const content = stringToU8a('stored by a stranger');
const hash = blake2AsHex(content);
await ask('cairnWrite_v1_putChunk', [bucket, hash, u8aToHex(content)]);
await ask('cairnWrite_v1_commit', [bucket, [{ dataRoot: hash, dataSize: content.length }]]);
const given = await ask('cairnBucket_v1_checkpointSignature', [bucket, 1]);
const { mmrRoot, startSeq, leafCount } = given.commitment;
const signatures = [[provider.address, api.createType('MultiSignature', hexToU8a(given.signature))]];
await submit(calls.checkpoint(bucket, { mmrRoot, startSeq, leafCount }, signatures), owner);

// The answer is in a later block.
const answered = new Promise((resolve, reject) => {
  api.query.system.events((records) => {
    for (const { event } of records) {
      if (event.section !== 'storageProvider') continue;
      if (event.method === 'ChallengeDefended') resolve(event);
      if (event.method === 'ChallengeSlashed') reject(new Error('the challenge was lost'));
    }
  }).catch(reject);
});
const asked = await submit(calls.challengeCheckpoint(bucket, provider.address, { leafIndex: 0, chunkIndex: 0 }), owner);
const id = find(asked, 'ChallengeCreated').data.challengeId;
const defended = await answered;
if (!defended.data.challengeId.eq(id)) throw new Error('another challenge was defended');
const row = (await api.query.storageProvider.providers(provider.address)).unwrap();
if (row.stake.toBigInt() !== 1000n * UNIT) throw new Error('the stake is not whole');
console.log(`ApiPromise: bucket ${bucket} was agreed, written, checkpointed, challenged and defended`);
await api.disconnect();
