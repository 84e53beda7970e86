//! A client that signs requests by Signature Version 4.

use crate::provider::RunningProvider;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use cairn_s3::{AccessKeys, router};
use sp_crypto_hashing::sha2_256;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tower::ServiceExt;

const KEYS: &str = r#"
    [[key]]
    access-key = "app"
    secret = "a-secret-of-some-length"
    [[key.bucket]]
    name = "photos"
    id = 7
    access = "write"
    [[key.bucket]]
    name = "archive"
    id = 8
    access = "read"
"#;

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text());
        self
    }

    /// Checks that it is an error of a code.
    pub(crate) fn is_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        let code = format!("<Code>{code}</Code>");
        assert!(self.text().contains(&code), "{}", self.text());
    }

    pub(crate) fn tag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }

    /// Returns the texts of all elements of a name.
    pub(crate) fn all(&self, element: &str) -> Vec<String> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let parts = self.text().split(&open).skip(1);
        parts
            .map(|part| part.split(&close).next().unwrap().to_owned())
            .collect()
    }
}

/// A gateway, with a client that has a key of it.
pub(crate) struct Gateway {
    pub(crate) provider: RunningProvider,
    router: Router,
    folder: TempDir,
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 64];
    match key.len() > 64 {
        true => block[..32].copy_from_slice(&sha2_256(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let padded = |with: u8| block.map(|byte| byte ^ with).to_vec();
    let inner = sha2_256(&[padded(0x36), text.to_vec()].concat());
    sha2_256(&[padded(0x5c), inner.to_vec()].concat())
}

/// Returns the day and the time of now, as AWS writes them.
fn now() -> (String, String) {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let (days, of_day) = ((seconds / 86_400) as i64, seconds % 86_400);
    // The civil calendar from days since 1970, after Howard Hinnant.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = year + era * 400 + i64::from(month <= 2);
    let date = format!("{year:04}{month:02}{day:02}");
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let time = format!("{date}T{hour:02}{minute:02}{second:02}Z");
    (date, time)
}

/// Returns the signature over a canonical request.
fn signature(secret: &str, (date, time): (&str, &str), canonical: &str) -> String {
    let hash = hex::encode(sha2_256(canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{date}/us-east-1/s3/aws4_request\n{hash}");
    let parts = [date, "us-east-1", "s3", "aws4_request"];
    let key = parts
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            hmac(&key, part.as_bytes()).to_vec()
        });
    hex::encode(hmac(&key, text.as_bytes()))
}

impl Gateway {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = RunningProvider::start(&folder.path().join("base")).await;
        let router = router(provider.rpc.clone(), AccessKeys::parse(KEYS).unwrap());
        Self {
            provider,
            router,
            folder,
        }
    }

    /// Starts the provider again in the same folder.
    pub(crate) async fn restarted(self) -> Self {
        let Self {
            provider,
            router,
            folder,
        } = self;
        drop(router);
        let closing = provider.handle.provider.clone();
        drop(provider);
        // The workers hold it until they have ended.
        for _ in 0..1_000 {
            if std::sync::Arc::strong_count(&closing) == 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        tokio::task::spawn_blocking(move || drop(closing))
            .await
            .unwrap();
        let provider = RunningProvider::start(&folder.path().join("base")).await;
        let router = crate::client::router(provider.rpc.clone(), AccessKeys::parse(KEYS).unwrap());
        Self {
            provider,
            router,
            folder,
        }
    }

    /// Sends a request. The path is escaped already; the query is in the order of its names.
    pub(crate) async fn send(
        &self,
        (method, path, query): (&str, &str, &str),
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        self.send_as(
            "a-secret-of-some-length",
            (method, path, query),
            headers,
            body,
        )
        .await
    }

    pub(crate) async fn send_as(
        &self,
        secret: &str,
        (method, path, query): (&str, &str, &str),
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let (date, time) = now();
        let payload = "UNSIGNED-PAYLOAD";
        let mut signed = vec![
            ("host", "gateway"),
            ("x-amz-content-sha256", payload),
            ("x-amz-date", &time),
        ];
        signed.extend(
            headers
                .iter()
                .filter(|(name, _)| name.starts_with("x-amz-")),
        );
        signed.sort();
        let lines: String = signed
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let names: Vec<_> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}");
        let scope = format!("{date}/us-east-1/s3/aws4_request");
        let signature = signature(secret, (&date, &time), &canonical);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=app/{scope}, SignedHeaders={names}, Signature={signature}"
        );
        let uri = match query {
            "" => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        let mut request = Request::builder().method(method).uri(uri);
        request = request.header("authorization", authorization);
        for (name, value) in signed {
            request = request.header(name, value);
        }
        for (name, value) in headers
            .iter()
            .filter(|(name, _)| !name.starts_with("x-amz-"))
        {
            request = request.header(*name, *value);
        }
        self.answer(request.body(body.into()).unwrap()).await
    }

    /// Returns a URL that is signed for some seconds.
    pub(crate) fn presigned(&self, method: &str, path: &str, seconds: u64) -> String {
        let (date, time) = now();
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=app%2F{date}%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date={time}&X-Amz-Expires={seconds}&X-Amz-SignedHeaders=host"
        );
        let canonical =
            format!("{method}\n{path}\n{query}\nhost:gateway\n\nhost\nUNSIGNED-PAYLOAD");
        let signature = signature("a-secret-of-some-length", (&date, &time), &canonical);
        format!("{path}?{query}&X-Amz-Signature={signature}")
    }

    /// Returns the number of leaves of a bucket that has some.
    pub(crate) fn leaves(&self) -> u64 {
        let request = cairn_provider::LeaseRequest::read();
        let provider = &self.provider.handle.provider;
        let bucket = cairn_primitives::BucketId(7);
        let lease = provider.blocking_lease(bucket, request).unwrap();
        lease.commitment().leaf_count.get()
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Answer {
        let answered = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answered.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_vec(),
        }
    }

    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) -> Answer {
        let path = format!("/photos/{key}");
        let length = bytes.len().to_string();
        let headers = [("content-length", &length[..])];
        self.send(("PUT", &path, ""), &headers, bytes.to_vec())
            .await
    }

    pub(crate) async fn get(&self, key: &str) -> Answer {
        let path = format!("/photos/{key}");
        self.send(("GET", &path, ""), &[], Body::empty()).await
    }
}

/// Returns content that repeats nothing soon.
pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 777 % 249) as u8).collect()
}
