//! A storage provider within another program, as a node embeds it: it stores a file, signs the
//! new root, is challenged and defends its stake. The chain is simulated in memory; a node
//! passes its `SubstrateClient` instead.
//!
//! Run it with `cargo run -p cairn-node-ext --example embed`.

use cairn_node_ext::bucket::{BucketConfig, NewLeaf};
use cairn_node_ext::provider::LeaseRequest;
use cairn_node_ext::rpc::{CosignerLimits, RpcCosigners};
use cairn_node_ext::{AccountId, BasePath, Extension, ExtensionConfig, Provider, ProviderOptions};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::onchain::RegisteredKey;
use cairn_primitives::{BucketId, ChunkIndex, LeafIndex};
use cairn_testing::{LIMITS, NewChallenge, SimulatedChain};
use std::sync::Arc;

const BUCKET: BucketId = BucketId(7);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The provider: a folder, a key, an account that is registered on the chain.
    let folder = tempfile::tempdir()?;
    let base = BasePath::create(folder.path())?;
    base.keys().insert("//Alice")?;
    let signer = base.keys().signer(None)?;
    let account = AccountId(signer.public());
    let chain = SimulatedChain::new(LIMITS);
    chain.edit(move |pallet| pallet.register(account, RegisteredKey::from(account.0)));
    chain.advance();

    // A client's file becomes a leaf, and the provider signs the new root.
    let provider = Arc::new(Provider::open(base, ProviderOptions::default())?);
    provider.create_bucket(BUCKET, BucketConfig::default())?;
    let bucket = provider.lease(BUCKET, LeaseRequest::write()).await?;
    let file = include_bytes!("embed.rs").as_slice();
    let content = bucket.run(|bucket| bucket.ingest(file))?;
    let leaf = NewLeaf {
        data_root: content.data_root,
        data_size: content.data_size,
    };
    let (_, signed) = bucket.commit_signed(&[leaf], &signer)?;
    drop(bucket);
    let commitment = signed.payload.commitment;
    println!("signed the root {:?}", commitment.mmr_root);

    // The workers, as one future. A node spawns it as an essential task.
    let cosigners = Arc::new(RpcCosigners::new(CosignerLimits::default()));
    let extension = Extension::new(
        chain.client(account),
        provider,
        signer,
        cosigners,
        ExtensionConfig::default(),
    )?;
    let mut events = extension.handle().challenges.events();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(extension.run(async {
        let _ = stopped.await;
    }));

    // Somebody challenges the root, and the provider answers before the deadline.
    chain.challenge(NewChallenge {
        provider: account,
        challenger: AccountId([9; 32]),
        bucket: BUCKET,
        commitment,
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        },
        period: Some(5_000),
    });
    let (defended, lost) = loop {
        chain.advance();
        events.changed().await?;
        let state = chain.finalized();
        match state.providers.get(&account.0) {
            Some(info) if info.defended + info.lost > 0 => break (info.defended, info.lost),
            _ => {}
        }
    };
    println!("challenges defended: {defended}, lost: {lost}");

    let _ = stop.send(());
    running.await?;
    if lost > 0 {
        return Err("a challenge was lost".into());
    }
    Ok(())
}
