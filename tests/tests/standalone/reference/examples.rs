//! An example of a method: a request, and a provider's response.

use super::methods::{Api, Method};
use super::schema;
use serde_json::{Value, json};

/// An example.
pub(crate) struct Example {
    pub(crate) method: String,
    /// By name, in the order of the method's parameters.
    pub(crate) params: Vec<(String, Value)>,
    pub(crate) result: Value,
    /// The first notification of a subscription.
    pub(crate) notification: Option<Value>,
}

impl Example {
    /// Checks that parameters and result have the types that the source declares.
    pub(crate) fn check(&self, method: &Method, api: &Api) {
        for param in &method.params {
            let given = self.params.iter().find(|(name, _)| *name == param.name);
            match given {
                Some((_, value)) => schema::check(&param.schema, value, &api.types)
                    .unwrap_or_else(|error| panic!("{}: {}: {error}", self.method, param.name)),
                None => assert!(param.is_optional, "{} lacks {}", self.method, param.name),
            }
        }
        schema::check(&method.result, &self.result, &api.types)
            .unwrap_or_else(|error| panic!("the result of {}: {error}", self.method));
        if let Some(subscription) = &method.subscription {
            let notification = self.notification.as_ref().expect("a subscription has one");
            schema::check(&subscription.item, notification, &api.types)
                .unwrap_or_else(|error| panic!("the notification of {}: {error}", self.method));
        }
    }

    /// Replaces the values that differ in each run.
    pub(crate) fn masked(mut self) -> Self {
        for (name, value) in &mut self.params {
            mask(Some(name), value);
        }
        mask(None, &mut self.result);
        if let Some(notification) = &mut self.notification {
            mask(None, notification);
            // The subscription's id.
            self.result = json!("0f1e2d3c4b5a6978");
        }
        if self.method == "cairnProvider_v1_signCheckpoint" {
            self.result = signature();
        }
        self
    }
}

/// A signature that is none.
fn signature() -> Value {
    json!(format!("0x01{}", "00".repeat(64)))
}

/// Returns the replacement of a field that differs in each run.
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
        "availableBytes" => json!(1_000_000_000_000u64),
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
