//! One provider asks another for its signature, over a socket.

use super::*;
use crate::fixture::{BUCKET, Fixture, module};
use cairn_chain::Head;
use cairn_gadget::{Countersigner, Extension, ExtensionConfig};
use cairn_keys::SignedCommitment;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::cosign::{CheckpointRequest, Refusal};
use cairn_primitives::{Commitment, H256, LeafCount, Sequence};
use cairn_rpc_api::Code;
use cairn_testing::StaticChain;
use jsonrpsee::RpcModule;
use jsonrpsee::server::{Server, ServerHandle};

/// A client that may connect to this machine.
fn local_cosigners() -> RpcCosigners {
    RpcCosigners::new(CosignerLimits {
        allow_private: true,
        ..CosignerLimits::default()
    })
}

/// Two providers of one bucket, of which the second is served.
struct Two {
    asker: Fixture,
    asked: PrimaryProvider,
    countersigner: Arc<Countersigner>,
    server: ServerHandle,
}

impl Two {
    async fn meet() -> Self {
        let [asker, other] = ["//Alice", "//Bob"].map(Fixture::new);
        let both = vec![asker.primary(""), other.primary("")];
        let chain = StaticChain::new(other.account());
        let extension = Extension::new(
            Arc::new(chain.with_bucket(BUCKET, None, both)),
            other.provider.clone(),
            other.signer.clone(),
            Arc::new(RpcCosigners::default()),
            ExtensionConfig::default(),
        );
        let handle = extension.unwrap().handle();
        let countersigner = handle.countersigner.clone();
        let (url, server) = serve(module(handle)).await;
        Self {
            asker,
            asked: other.primary(&url),
            countersigner,
            server,
        }
    }

    async fn client(&self) -> WsClient {
        let url = std::str::from_utf8(&self.asked.endpoint).unwrap();
        WsClientBuilder::new().build(url).await.unwrap()
    }

    fn see_a_block(&self) {
        self.countersigner.on_finalized_head(Head {
            hash: H256::zero(),
            number: 1,
            anchor: 1,
        });
    }

    /// A request with the asker's own signature.
    fn ask(&self) -> CosignRequest {
        CosignRequest {
            request: CheckpointRequest::new(BUCKET, self.asker.commitment(), None),
            requester: self.asker.account(),
            signature: self.asker.signed.signature.clone(),
        }
    }
}

async fn serve<M: Send + Sync + 'static>(module: RpcModule<M>) -> (String, ServerHandle) {
    let server = Server::builder().build("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", server.local_addr().unwrap());
    (url, server.start(module))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_over_the_same_commitment_is_valid() {
    let two = Two::meet().await;
    two.see_a_block();
    let cosigners = local_cosigners();
    let holding = cosigners
        .held_state(&two.asked, BUCKET, None)
        .await
        .unwrap();
    let commitment = two.asker.commitment();
    assert_eq!(holding.start_seq, commitment.start_seq);
    assert_eq!(holding.leaf_count, commitment.leaf_count);
    let signature = cosigners.cosign(&two.asked, &two.ask()).await.unwrap();
    let key = two.asked.key.as_ref().unwrap();
    let signer = <[u8; 32]>::try_from(key.0.as_slice()).unwrap();
    let signed = SignedCommitment {
        payload: two.asker.signed.payload,
        signer,
        signature,
    };
    assert!(signed.is_valid());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_sees_the_account_and_no_file_names() {
    let two = Two::meet().await;
    let client = two.client().await;
    let status = client.status().await.unwrap();
    assert_eq!(status.account, H256(two.asked.account.0));
    assert_eq!(status.quarantined, []);
    assert_eq!(client.challenges().await.unwrap(), []);
    let said = serde_json::to_string(&status).unwrap();
    assert!(!said.contains('/'), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn undecodable_requests_have_their_own_code() {
    let two = Two::meet().await;
    let client = two.client().await;
    for bytes in [vec![], vec![9], [two.ask().encode(), vec![0]].concat()] {
        match client.sign_checkpoint(Bytes(bytes)).await {
            Err(ClientError::Call(error)) => {
                assert_eq!(error.code(), Code::Undecodable.number(), "{error}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_arrives_unchanged() {
    let two = Two::meet().await;
    let cosigners = local_cosigners();
    let refused = |ask: CosignRequest| {
        let (cosigners, asked) = (&cosigners, &two.asked);
        async move {
            match cosigners.cosign(asked, &ask).await {
                Err(CosignError::Refused(refusal)) => refusal,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(refused(two.ask()).await, Refusal::NotReady);
    two.see_a_block();
    let mut stranger = two.ask();
    stranger.requester = AccountId([9; 32]);
    assert_eq!(refused(stranger).await, Refusal::Stranger);
    let unknown = cosigners.held_state(&two.asked, BucketId(8), None).await;
    assert_eq!(unknown, Err(CosignError::Refused(Refusal::NoSuchBucket)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_provider_is_connected_to_again() {
    let two = Two::meet().await;
    let cosigners = local_cosigners();
    let holding = cosigners
        .held_state(&two.asked, BUCKET, None)
        .await
        .unwrap();
    assert_eq!(holding.leaf_count, LeafCount::new(3).unwrap());
    let address = String::from_utf8(two.asked.endpoint.clone()).unwrap();
    two.server.stop().unwrap();
    two.server.stopped().await;
    let mut module = RpcModule::new(());
    module
        .register_method(
            "cairnProvider_v1_heldState",
            |_, (), _| serde_json::json!({"startSeq": 0, "leafCount": u64::MAX, "signed": null}),
        )
        .unwrap();
    let server = Server::builder()
        .build(address.trim_start_matches("ws://"))
        .await
        .unwrap();
    let _handle = server.start(module);
    // The first request reaches it, and its answer is nonsense.
    let nonsense = cosigners.held_state(&two.asked, BUCKET, None).await;
    assert!(
        matches!(nonsense, Err(CosignError::Malformed(_))),
        "{nonsense:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_and_endless_answers_stay_within_the_limits() {
    let mut module = RpcModule::new(());
    module
        .register_async_method("cairnProvider_v1_heldState", |_, _, _| async {
            std::future::pending::<u8>().await
        })
        .unwrap();
    module
        .register_method("cairnProvider_v1_signCheckpoint", |_, (), _| {
            "0x".repeat(100_000)
        })
        .unwrap();
    let (url, _handle) = serve(module).await;
    let cosigners = RpcCosigners::new(CosignerLimits {
        timeout: Duration::from_millis(200),
        allow_private: true,
        ..CosignerLimits::default()
    });
    let primary = Fixture::new("//Bob").primary(&url);
    let silent = cosigners
        .held_state(&primary, BUCKET, None)
        .await
        .unwrap_err();
    // The connection's own limit and ours are the same: either may be the first.
    assert!(
        matches!(silent, CosignError::Unreachable { .. }),
        "{silent}"
    );
    let ask = CosignRequest {
        request: CheckpointRequest::new(
            BUCKET,
            Commitment::deletion(H256::zero(), Sequence(0)),
            None,
        ),
        requester: AccountId([1; 32]),
        signature: MultiSignature::Sr25519([0; 64]),
    };
    let endless = cosigners.cosign(&primary, &ask).await.unwrap_err();
    assert!(
        matches!(endless, CosignError::Unreachable { .. }),
        "{endless}"
    );
}

#[tokio::test]
async fn an_invalid_endpoint_is_reported_without_connecting() {
    let cosigners = local_cosigners();
    for endpoint in ["", "a.example", "ftp://a.example", "ws://127.0.0.1:1"] {
        let primary = PrimaryProvider {
            account: AccountId([1; 32]),
            key: None,
            endpoint: endpoint.as_bytes().to_vec(),
            agreement: None,
        };
        let error = cosigners
            .held_state(&primary, BUCKET, None)
            .await
            .unwrap_err();
        let named = format!("{endpoint:?}");
        assert!(error.to_string().contains(&named), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_provider_is_unreachable() {
    let two = Two::meet().await;
    let cosigners = local_cosigners();
    cosigners
        .held_state(&two.asked, BUCKET, None)
        .await
        .unwrap();
    two.server.stop().unwrap();
    two.server.stopped().await;
    let gone = cosigners.held_state(&two.asked, BUCKET, None).await;
    assert!(
        matches!(gone, Err(CosignError::Unreachable { .. })),
        "{gone:?}"
    );
}

/// Answers a WebSocket handshake with the given headers, and returns what it received.
async fn answers_with(answer: String) -> (String, tokio::task::JoinHandle<String>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4_096];
        let read = stream.read(&mut request).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        request.truncate(read);
        String::from_utf8_lossy(&request).into_owned()
    });
    (url, answering)
}

#[tokio::test(flavor = "multi_thread")]
async fn l4_redirections_are_not_followed() {
    let inner = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = inner.local_addr().unwrap();
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: ws://{to}/secret\r\n\r\n");
    let (url, _answering) = answers_with(answer).await;
    let primary = Fixture::new("//Bob").primary(&url);
    let error = local_cosigners()
        .held_state(&primary, BUCKET, None)
        .await
        .unwrap_err();
    assert!(matches!(error, CosignError::Unreachable { .. }), "{error}");
    let accepted = tokio::time::timeout(Duration::from_millis(100), inner.accept());
    assert!(accepted.await.is_err(), "it was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn l4_private_endpoints_are_refused_by_default() {
    let two = Two::meet().await;
    let usual = RpcCosigners::default();
    let refused = usual
        .held_state(&two.asked, BUCKET, None)
        .await
        .unwrap_err();
    let told = refused.to_string();
    assert!(told.contains("not public"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn l2_a_peers_message_is_one_short_line() {
    let said = format!(
        "no\n2026 ERROR A CHALLENGE IS LOST \u{1b}[2J{}",
        "x".repeat(9_000)
    );
    let mut module = RpcModule::new(());
    let told = said.clone();
    module
        .register_method("cairnProvider_v1_heldState", move |_, (), _| {
            Err::<u8, _>(jsonrpsee::types::ErrorObjectOwned::owned(
                1,
                told.clone(),
                None::<()>,
            ))
        })
        .unwrap();
    let (url, _handle) = serve(module).await;
    let primary = Fixture::new("//Bob").primary(&url);
    let error = local_cosigners()
        .held_state(&primary, BUCKET, None)
        .await
        .unwrap_err();
    assert!(matches!(error, CosignError::Malformed(_)), "{error:?}");
    let shown = error.to_string();
    assert!(
        !shown.contains(['\n', '\u{1b}']) && shown.len() < 600,
        "{shown:?}"
    );
}
