//! The context that all cases share: the provider, the keys, and the requests that most of them make.

use crate::client::{Answer, Ask, Client};
use crate::content::{CHUNK, Content, PLAIN, put_chunk};
use crate::fields::{bytes, field, hash, hex0, number, text};
use crate::key::{Key, Signing, now};
use crate::outcome::{Checked, Ended, ensure, failed};
use crate::subject::Subject;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{BucketId, Commitment, CommitmentPayload, H256, LeafCount, Sequence};
use codec::{DecodeAll, Encode};
use hyper::Method;
use hyper::header::AUTHORIZATION;
use serde_json::{Value, json};
use sp_core::crypto::Ss58Codec;
use sp_core::{Pair, ed25519, sr25519};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::OnceCell;

/// The context of a case.
pub(crate) struct Context {
    pub(crate) subject: Subject,
    pub(crate) client: Client,
    /// A key that is no member's.
    pub(crate) stranger: Key,
    /// The number of this run, so that its content is new.
    pub(crate) run: u64,
    /// Content of two chunks that is committed, with the answer of its commit.
    committed: OnceCell<(Content, Value)>,
    /// The owners of terms so far.
    owners: AtomicU64,
}

impl Context {
    pub(crate) fn new(subject: Subject, stranger: Key) -> Self {
        let client = Client {
            endpoint: subject.endpoint.clone(),
            patience: subject.patience,
        };
        // Nanoseconds, so that two runs in one second differ.
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let run = since.unwrap_or_default().as_nanos() & u128::from(u64::MAX);
        Self {
            subject,
            client,
            stranger,
            run: u64::try_from(run).unwrap_or(now()),
            committed: OnceCell::new(),
            owners: AtomicU64::new(0),
        }
    }

    pub(crate) fn bucket(&self) -> u64 {
        self.subject.bucket
    }

    pub(crate) fn writer(&self) -> &Key {
        &self.subject.writer
    }

    /// Returns new content of a number of chunks.
    pub(crate) fn content(&self, name: &str, chunks: usize) -> Content {
        Content::of_chunks(self.run, name, chunks)
    }

    /// Returns the address of an account that nobody has a key of, and which has asked for no terms.
    pub(crate) fn new_owner(&self) -> String {
        let number = self.owners.fetch_add(1, Ordering::Relaxed);
        let account = PLAIN.chunk(format!("{}:owner:{number}", self.run).as_bytes());
        sr25519::Public::from_raw(account.0).to_ss58check()
    }

    /// Returns new bytes.
    pub(crate) fn bytes(&self, name: &str, length: usize) -> Vec<u8> {
        crate::content::bytes(self.run, name, length)
    }

    pub(crate) async fn get(&self, path: impl Into<String>) -> Checked<Answer> {
        self.client.send(Ask::get(path)).await
    }

    /// Posts JSON without a signature.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Checked<Answer> {
        self.client
            .send(Ask::new(Method::POST, path).json(body))
            .await
    }

    /// Sends JSON, signed now for the suite's bucket.
    pub(crate) async fn signed(
        &self,
        key: &Key,
        (method, path): (Method, &str),
        body: &Value,
    ) -> Checked<Answer> {
        let header = key.header(method.as_str(), self.bucket());
        self.with_header((method, path), body, header).await
    }

    /// Sends JSON with a header of authorisation.
    pub(crate) async fn with_header(
        &self,
        (method, path): (Method, &str),
        body: &Value,
        header: impl Into<String>,
    ) -> Checked<Answer> {
        let ask = Ask::new(method, path).header(AUTHORIZATION, header);
        self.client.send(ask.json(body)).await
    }

    /// Stores a node or a chunk as the writer. The body names the bucket that the header is for.
    pub(crate) async fn put(&self, body: &Value) -> Checked<Answer> {
        let bucket = number(body, "bucket_id")?;
        let header = self.writer().header("PUT", bucket);
        self.with_header((Method::PUT, "/node"), body, header).await
    }

    /// Stores a chunk in the suite's bucket.
    pub(crate) async fn put_chunk(&self, chunk: &[u8]) -> Checked {
        self.put(&put_chunk(self.bucket(), chunk)).await?.ok()?;
        Ok(())
    }

    /// Stores content: its chunks, and then its nodes from the bottom.
    pub(crate) async fn upload(&self, content: &Content) -> Checked {
        if content.bytes.is_empty() {
            self.put_chunk(&[]).await?;
        }
        for chunk in content.bytes.chunks(CHUNK) {
            self.put_chunk(chunk).await?;
        }
        for node in content.levels.iter().flatten() {
            self.put(&node.put(self.bucket())).await?.ok()?;
        }
        Ok(())
    }

    /// Commits data roots as the writer.
    pub(crate) async fn commit(&self, roots: &[H256]) -> Checked<Answer> {
        let roots: Vec<_> = roots.iter().copied().map(hex0).collect();
        let body = json!({ "bucket_id": self.bucket(), "data_roots": roots });
        self.signed(self.writer(), (Method::POST, "/commit"), &body)
            .await
    }

    /// Returns content of two chunks that is committed, and the answer of its commit.
    pub(crate) async fn committed(&self) -> Checked<&(Content, Value)> {
        let commit = async || {
            let content = self.content("committed", 2);
            self.upload(&content).await?;
            let answer = self.commit(&[content.root]).await?.ok()?;
            Ok((content, answer))
        };
        self.committed.get_or_try_init(commit).await
    }

    /// Returns the newest commitment.
    pub(crate) async fn commitment(&self) -> Checked<(Value, Commitment)> {
        let path = format!("/commitment?bucket_id={}", self.bucket());
        let answer = self.get(path).await?.ok()?;
        let commitment = commitment_in(&answer)?;
        Ok((answer, commitment))
    }

    /// Returns one chunk by its index under a data root: its bytes and its proof.
    pub(crate) async fn chunk_proof(&self, root: H256, index: u64) -> Checked<(Vec<u8>, Value)> {
        let path = format!("/chunk_proof?data_root={}&chunk_index={index}", hex0(root));
        let answer = self.get(path).await?.ok()?;
        let data = bytes(&answer, "chunk_data")?;
        Ok((data, answer))
    }

    /// Returns the key that the provider signs with: that of its record on chain, or else its
    /// account's.
    async fn provider_key(&self) -> Checked<Vec<u8>> {
        let info = self.get("/info").await?.ok()?;
        let key = &info["provider_registration_info"]["public_key"];
        if let Some(bytes) = key.as_array() {
            let bytes = bytes.iter().map(|byte| u8::try_from(byte.as_u64()?).ok());
            let bytes = bytes.collect::<Option<Vec<_>>>();
            return bytes.map_or_else(|| failed("`public_key` is no list of bytes"), Ok);
        }
        let id = text(&info, "provider_id")?;
        let account = sr25519::Public::from_ss58check(id);
        account.map_or_else(
            |_| failed(format!("`provider_id` is no SS58 address: {id}")),
            |account| Ok(account.0.to_vec()),
        )
    }

    /// Checks the provider's signature over a message: a `MultiSignature` in SCALE.
    pub(crate) async fn check_signature(&self, digits: &str, message: &[u8]) -> Checked {
        let key = self.provider_key().await?;
        let Ok(mut bytes) = hex::decode(digits) else {
            return failed("the signature is no hex");
        };
        // Providers before the scheme was sent along: 64 bytes.
        if bytes.len() == 64 {
            bytes.insert(0, 1);
        }
        let Ok(signature) = MultiSignature::decode_all(&mut &bytes[..]) else {
            return failed(format!("{} bytes are no signature", bytes.len()));
        };
        let key32 = <[u8; 32]>::try_from(&key[..]);
        let holds = match (signature, key32) {
            (MultiSignature::Sr25519(signature), Ok(key)) => sr25519::Pair::verify(
                &sr25519::Signature::from_raw(signature),
                message,
                &sr25519::Public::from_raw(key),
            ),
            (MultiSignature::Ed25519(signature), Ok(key)) => ed25519::Pair::verify(
                &ed25519::Signature::from_raw(signature),
                message,
                &ed25519::Public::from_raw(key),
            ),
            (MultiSignature::Sr25519(_) | MultiSignature::Ed25519(_), Err(_)) => false,
            _ => return Err(Ended::Skipped("signatures by ECDSA are not checked".into())),
        };
        ensure!(holds, "the signature does not verify");
        Ok(())
    }

    /// Checks the signature of an answer over the commitment that it names.
    pub(crate) async fn check_commitment(&self, bucket: u64, answer: &Value) -> Checked {
        let commitment = commitment_in(answer)?;
        let bucket = BucketId(bucket);
        let payload = match answer.get("nonce") {
            None | Some(Value::Null) => CommitmentPayload::new(bucket, commitment),
            Some(_) => CommitmentPayload::with_nonce(bucket, commitment, number(answer, "nonce")?),
        };
        let signature = text(answer, "provider_signature")?;
        let Some(digits) = signature.strip_prefix("0x") else {
            return failed("`provider_signature` has no 0x");
        };
        self.check_signature(digits, &payload.encode()).await
    }

    /// Returns a header of the writer, changed before it is signed.
    pub(crate) fn put_header(&self, change: impl FnOnce(&mut Signing<'static>)) -> String {
        let mut signing = Signing::now("PUT", self.bucket());
        change(&mut signing);
        signing.by(self.writer())
    }
}

/// Returns the commitment that an answer names.
pub(crate) fn commitment_in(answer: &Value) -> Checked<Commitment> {
    let count = number(answer, "leaf_count")?;
    field(answer, "provider_signature")?;
    let Some(leaf_count) = LeafCount::new(count) else {
        return failed(format!("`leaf_count` is out of range: {count}"));
    };
    Ok(Commitment {
        mmr_root: hash(answer, "mmr_root")?,
        start_seq: Sequence(number(answer, "start_seq")?),
        leaf_count,
    })
}
