//! Preflight requests of browsers, before a page of another origin may use the API.

use crate::case::cases;
use crate::client::{Answer, Ask};
use crate::context::Context;
use crate::difference::Difference;
use crate::outcome::{Checked, Ended, ensure};
use hyper::Method;
use hyper::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};

const STRANGE: &str = "https://cairn-conformance.invalid";

cases! { Routes;
    "cors.any-origin", "without listed origins, a page of any origin may ask", [] => any_origin;
    "cors.headers", "it may send authorization and content-type", [] => headers;
    "cors.answer", "the answer itself allows the page to read it", [] => answer;
    "cors.listed-origin", "a page of a listed origin may ask, and others may not", [ListedOrigin] => listed;
    "cors.context-header", "a page of a listed origin may not send x-web3storage-context", [ListedOrigin] => context_header;
}

async fn preflight(context: &Context, origin: &str) -> Checked<Answer> {
    let ask = Ask::new(Method::OPTIONS, "/node")
        .header(ORIGIN, origin)
        .header(ACCESS_CONTROL_REQUEST_METHOD, "PUT")
        .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type");
    context.client.send(ask).await
}

fn allowed(answer: &Answer) -> &str {
    answer.header("access-control-allow-origin")
}

/// Returns the answer to a page of any origin, where all may ask.
async fn strange(context: &Context) -> Checked<Answer> {
    let answer = preflight(context, STRANGE).await?;
    match allowed(&answer) {
        "" => Err(Ended::Skipped("the operator has listed origins".into())),
        _ => Ok(answer),
    }
}

async fn any_origin(context: &Context) -> Checked {
    let answer = strange(context).await?;
    let allowed = allowed(&answer);
    ensure!(allowed == "*" || allowed == STRANGE, "{allowed}");
    Ok(())
}

fn allows(answer: &Answer, name: &str) -> bool {
    let names = answer.header("access-control-allow-headers");
    let is_name = |one: &str| one.trim() == "*" || one.trim().eq_ignore_ascii_case(name);
    names.split(',').any(is_name)
}

async fn headers(context: &Context) -> Checked {
    let origin = context.subject.listed_origin.as_deref().unwrap_or(STRANGE);
    let answer = preflight(context, origin).await?;
    if allowed(&answer).is_empty() {
        return Err(Ended::Skipped("the operator has listed origins".into()));
    }
    for name in ["authorization", "content-type"] {
        ensure!(allows(&answer, name), "{name} may not be sent");
    }
    Ok(())
}

async fn answer(context: &Context) -> Checked {
    strange(context).await?;
    let answer = context
        .client
        .send(Ask::get("/health").header(ORIGIN, STRANGE));
    let answer = answer.await?;
    ensure!(
        !allowed(&answer).is_empty(),
        "no access-control-allow-origin"
    );
    Ok(())
}

async fn listed(context: &Context) -> Checked {
    let origin = context.subject.listed_origin.as_deref().unwrap_or_default();
    let answer = preflight(context, origin).await?;
    ensure!(allowed(&answer) == origin, "{:?}", allowed(&answer));
    let answer = preflight(context, STRANGE).await?;
    ensure!(allowed(&answer).is_empty(), "{:?}", allowed(&answer));
    Ok(())
}

async fn context_header(context: &Context) -> Checked {
    let origin = context.subject.listed_origin.as_deref().unwrap_or_default();
    match allows(&preflight(context, origin).await?, "x-web3storage-context") {
        true => Err(Ended::Differs(Difference::ContextHeader)),
        false => Ok(()),
    }
}
