//! Encodings that all routes share: hashes in requests, and what does not parse.

use crate::case::cases;
use crate::client::{Ask, NoAnswer};
use crate::content::PLAIN;
use crate::context::Context;
use crate::difference::Difference;
use crate::fields::{hex0, is_text};
use crate::outcome::{Checked, Ended, ensure};
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use serde_json::json;

cases! { Routes;
    "hash.prefix-optional", "hashes are read with and without 0x", [] => prefix;
    "hash.upper-case", "hashes are read in upper case too", [] => upper_case;
    "hash.no-hex", "a hash that is no hex: 400 invalid_hash {expected, actual: \"invalid hex\"}", [] => no_hex;
    "hash.length", "a hash of another length than 32 bytes ends the request", [] => length;
    "hash.length-in-lists", "the same in a list of hashes", [] => length_in_list;
    "body.no-json", "a body that is no JSON: 400", [] => no_json;
    "body.field-missing", "a body without a field: 422", [] => field_missing;
    "body.negative-number", "a number below 0: 422", [] => negative;
    "body.content-type", "a body of another type than JSON: 415", [] => content_type;
    "body.large", "a body may have 256 MiB (2 MiB are tried)", [] => large;
    "list.long", "a list of hashes has no bound (8,193 are tried)", [] => long_list;
    "query.field-missing", "a query without a field: 400", [] => query_missing;
    "query.no-number", "an integer in a query that is none: 400", [] => query_no_number;
    "route.other-method", "another method of a route: 405", [] => other_method;
}

async fn prefix(context: &Context) -> Checked {
    let chunk = context.bytes("prefix", 100);
    context.put_chunk(&chunk).await?;
    let digits = hex::encode(PLAIN.chunk(&chunk));
    for text in [digits.clone(), format!("0x{digits}")] {
        let answer = context.get(format!("/node?hash={text}")).await?.ok()?;
        is_text(&answer, "hash", &text)?;
    }
    Ok(())
}

async fn upper_case(context: &Context) -> Checked {
    let chunk = context.bytes("upper", 100);
    context.put_chunk(&chunk).await?;
    let digits = hex::encode_upper(PLAIN.chunk(&chunk));
    let answer = context.get(format!("/node?hash={digits}")).await?.ok()?;
    is_text(&answer, "hash", &digits)
}

async fn no_hex(context: &Context) -> Checked {
    for path in [
        "/node?hash=0xzz",
        "/read?data_root=0xzz&offset=0&length=1",
        "/chunk_proof?data_root=0xzz&chunk_index=0",
    ] {
        let details = context.get(path).await?.error(400, "invalid_hash")?;
        is_text(&details, "expected", "0xzz")?;
        is_text(&details, "actual", "invalid hex")?;
    }
    Ok(())
}

/// Sends a request with a hash of another length.
async fn of_other_length(context: &Context, ask: Ask) -> Checked {
    match context.client.try_send(ask).await {
        // The thread of the request has panicked.
        Err(NoAnswer::Closed(_)) => Ok(()),
        Ok(answer) => {
            answer.error(400, "invalid_hash")?;
            Err(Ended::Differs(Difference::HashLength))
        }
        Err(none) => Err(none.into()),
    }
}

async fn length(context: &Context) -> Checked {
    of_other_length(context, Ask::get("/node?hash=0xabcd")).await
}

async fn length_in_list(context: &Context) -> Checked {
    let body = json!({ "bucket_id": context.bucket(), "hashes": ["ab".repeat(33)] });
    of_other_length(context, Ask::new(Method::POST, "/exists").json(&body)).await
}

async fn sent(context: &Context, kind: &str, body: String) -> Checked<u16> {
    let ask = Ask::new(Method::POST, "/exists").header(CONTENT_TYPE, kind);
    let answer = context.client.send(ask.body(body)).await?;
    Ok(answer.status.as_u16())
}

async fn no_json(context: &Context) -> Checked {
    let status = sent(context, "application/json", "{".into()).await?;
    ensure!(status == 400, "{status}");
    Ok(())
}

async fn field_missing(context: &Context) -> Checked {
    let status = sent(context, "application/json", "{}".into()).await?;
    ensure!(status == 422, "{status}");
    Ok(())
}

async fn negative(context: &Context) -> Checked {
    let body = json!({ "bucket_id": -1, "hashes": [] });
    let status = sent(context, "application/json", body.to_string()).await?;
    ensure!(status == 422, "{status}");
    Ok(())
}

async fn content_type(context: &Context) -> Checked {
    let body = json!({ "bucket_id": context.bucket(), "hashes": [] });
    let status = sent(context, "text/plain", body.to_string()).await?;
    ensure!(status == 415, "{status}");
    Ok(())
}

async fn large(context: &Context) -> Checked {
    // Spaces, so that the list is short.
    let body = json!({ "bucket_id": context.bucket(), "hashes": [] });
    let body = format!("{}{body}", " ".repeat(2 << 20));
    let ask = Ask::new(Method::POST, "/exists").header(CONTENT_TYPE, "application/json");
    match context.client.try_send(ask.body(body)).await {
        // It need not read what it refuses, and then the connection ends.
        Err(NoAnswer::Closed(_)) => Err(Ended::Differs(Difference::BodyLimit)),
        Ok(answer) if answer.status == 413 => Err(Ended::Differs(Difference::BodyLimit)),
        Ok(answer) => answer.ok().map(drop),
        Err(none) => Err(none.into()),
    }
}

async fn long_list(context: &Context) -> Checked {
    let hashes = vec![hex0(PLAIN.chunk(b"nowhere")); 8_193];
    let body = json!({ "bucket_id": context.bucket(), "hashes": hashes });
    let answer = context.post("/exists", &body).await?;
    if answer.status == 413 {
        answer.error(413, "too_many")?;
        return Err(Ended::Differs(Difference::ListLimit));
    }
    let answer = answer.ok()?;
    let missing = crate::fields::list(&answer, "missing")?;
    ensure!(!missing.is_empty(), "nothing is missing");
    Ok(())
}

async fn query_missing(context: &Context) -> Checked {
    for path in ["/node", "/commitment", "/read?data_root=00&offset=0"] {
        context.get(path).await?.has_status(400)?;
    }
    Ok(())
}

async fn query_no_number(context: &Context) -> Checked {
    for number in ["x", "-1", "1.5", "18446744073709551616"] {
        let path = format!("/commitment?bucket_id={number}");
        context.get(path).await?.has_status(400)?;
    }
    Ok(())
}

async fn other_method(context: &Context) -> Checked {
    context.get("/commit").await?.has_status(405)
}
