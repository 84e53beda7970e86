//! Plain responses over HTTP.

use hyper::StatusCode;
use jsonrpsee::server::{HttpBody, HttpResponse};

pub(crate) fn text_response(status: StatusCode, text: String) -> HttpResponse {
    let mut response = HttpResponse::new(HttpBody::from(text));
    *response.status_mut() = status;
    response
}
