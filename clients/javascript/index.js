// What the package exports. `index.d.ts` has the types.

export { BucketClient } from './src/bucket-client.js';
export { ApiError, AnswerError, SignerError, VerificationError } from './src/errors.js';
export { Provider } from './src/provider.js';
export { keypairSigner, walletSigner, SignedHeaders } from './src/signer.js';
export { CHUNK_BYTES, contentOf, hashContent } from './src/content.js';
export { load, Verifier } from './src/verifier.js';
export { fromHex, toHex } from './src/bytes.js';
