//! The rate of requests for terms from one address.

use crate::case::cases;
use crate::client::Ask;
use crate::context::Context;
use crate::difference::Difference;
use crate::outcome::{Checked, Ended, ensure, failed};
use futures::future::join_all;
use hyper::Method;
use serde_json::json;

cases! { Routes;
    "terms.rate", "of more than 16 requests at once from one address, some get 429 rate_limited", [] => rate;
}

async fn rate(context: &Context) -> Checked {
    // No bytes, so that no nonce is used up.
    let body = json!({
        "owner": context.writer().address(),
        "max_bytes": 0,
        "duration": 1,
        "price_per_byte": "0",
        "bucket_id": null,
        "replica_params": null,
    });
    let ask = || {
        context
            .client
            .send(Ask::new(Method::POST, "/negotiate").json(&body))
    };
    let answers = join_all((0..40).map(|_| ask())).await;
    let mut limited = None;
    for answer in answers {
        let answer = answer?;
        match answer.status.as_u16() {
            429 => limited = Some(answer),
            422 | 503 => {}
            _ => return failed(answer.excerpt()),
        }
    }
    match limited {
        Some(answer) => {
            let details = answer.error(429, "rate_limited")?;
            ensure!(details.is_null(), "{details}");
            Ok(())
        }
        None if context.client.endpoint.is_here() => Err(Ended::Differs(Difference::LocalRate)),
        None => failed("40 requests at once were all answered"),
    }
}
