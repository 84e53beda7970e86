//! An example of a method: what was asked, and what a provider has answered.

use super::schema;
use super::source::{Api, Method};
use serde_json::{Value, json};

/// An example.
pub(crate) struct Example {
    pub(crate) method: String,
    /// By name, in the order of the method's parameters.
    pub(crate) params: Vec<(String, Value)>,
    pub(crate) result: Value,
    /// Of a subscription: what was told first.
    pub(crate) news: Option<Value>,
}

impl Example {
    /// That what was asked and answered is of the types that the source has.
    pub(crate) fn check(&self, method: &Method, api: &Api) {
        let all = schema::all(api);
        for field in &method.params {
            let given = self.params.iter().find(|(name, _)| *name == field.name);
            match given {
                Some((_, value)) => schema::check(&schema::of(&field.ty), value, &all)
                    .unwrap_or_else(|error| panic!("{}: {}: {error}", self.method, field.name)),
                None => assert!(field.is_optional, "{} lacks {}", self.method, field.name),
            }
        }
        schema::check(&schema::of(&method.result), &self.result, &all)
            .unwrap_or_else(|error| panic!("the answer of {}: {error}", self.method));
        if let Some(subscription) = &method.subscription {
            let news = self.news.as_ref().expect("a subscription tells something");
            schema::check(&schema::of(&subscription.item), news, &all)
                .unwrap_or_else(|error| panic!("the news of {}: {error}", self.method));
        }
    }

    /// The same without what differs each time.
    pub(crate) fn masked(mut self) -> Self {
        for (name, value) in &mut self.params {
            mask(Some(name), value);
        }
        mask(None, &mut self.result);
        if let Some(news) = &mut self.news {
            mask(None, news);
            // The subscription's id.
            self.result = json!("0f1e2d3c4b5a6978");
        }
        if self.method == "provider_signCheckpoint" {
            self.result = signature();
        }
        self
    }
}

/// A signature of no secret.
fn signature() -> Value {
    json!(format!("0x01{}", "00".repeat(64)))
}

/// What stands for a field that differs each time.
fn stand_in(name: &str) -> Option<Value> {
    Some(match name {
        "signature" => signature(),
        "ask" => json!(format!("0x00{}", "00".repeat(154))),
        "signedMs" => json!(1_767_225_600_000u64),
        "extrinsic" => json!(format!("0x{}", "5e".repeat(32))),
        "stage" => json!("submitted"),
        "attempts" | "openBuckets" => json!(1),
        "waitingRequests" => json!(0),
        "anchor" => json!(5),
        "deadline" => json!(28_805),
        "blocksLeft" | "nearestDeadline" => json!(28_800),
        "path" => json!("/srv/exports/bucket-0"),
        "bytes" => json!(280_000),
        "files" => json!(9),
        _ => return None,
    })
}

fn mask(name: Option<&str>, value: &mut Value) {
    // A path of a proof is a list.
    let is_single = !value.is_array();
    if let Some(stand_in) = name.and_then(stand_in)
        && is_single
    {
        *value = stand_in;
        return;
    }
    match value {
        Value::Object(fields) => fields
            .iter_mut()
            .for_each(|(name, value)| mask(Some(name), value)),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(None, item)),
        _ => {}
    }
}
