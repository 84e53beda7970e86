//! One operation of the API: a method of a path, with what it reads and what it answers.

use super::{SIGNED_HEADER, Schemas};
use cairn_rpc_server::Right;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The answer of an operation.
pub(crate) struct Answer {
    schema: SchemaOf,
    /// A field with a list, and the schema of its items. Answers that are sent piece by piece are
    /// no type of their own.
    list: Option<(&'static str, SchemaOf)>,
}

impl Answer {
    /// An answer that is one value.
    pub(crate) fn of<T: JsonSchema>() -> Self {
        Self {
            schema: schema_of::<T>,
            list: None,
        }
    }

    /// An answer with the fields of a type, and one more with a list.
    pub(crate) fn list<T: JsonSchema, Item: JsonSchema>(name: &'static str) -> Self {
        Self {
            schema: schema_of::<T>,
            list: Some((name, schema_of::<Item>)),
        }
    }

    fn describe(&self, generator: &mut SchemaGenerator) -> Value {
        let schema = (self.schema)(generator).to_value();
        let Some((name, item)) = self.list else {
            return schema;
        };
        let items = item(generator).to_value();
        json!({
            "allOf": [schema, {
                "type": "object",
                "properties": { name: { "type": "array", "items": items } },
                "required": [name],
            }],
        })
    }
}

/// An operation.
pub(crate) struct Operation {
    summary: &'static str,
    answer: Answer,
    right: Option<Right>,
    query: Option<SchemaOf>,
    body: Option<SchemaOf>,
    errors: &'static [u16],
}

impl Operation {
    pub(crate) fn new(summary: &'static str, answer: Answer) -> Self {
        Self {
            summary,
            answer,
            right: None,
            query: None,
            body: None,
            errors: &[],
        }
    }

    /// The right in the bucket that the caller needs. The operator decides whether reading needs
    /// one.
    pub(crate) fn by(mut self, right: Right) -> Self {
        self.right = Some(right);
        self
    }

    /// Parameters in the query: the fields of a type.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>);
        self
    }

    /// A body of JSON.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(schema_of::<T>);
        self
    }

    /// Statuses of errors, besides those that follow from the rest.
    pub(crate) fn errors(mut self, statuses: &'static [u16]) -> Self {
        self.errors = statuses;
        self
    }

    pub(super) fn describe(&self, method: &str, path: &str, schemas: &mut Schemas) -> Value {
        let name = path
            .trim_matches('/')
            .replace(['/', '{', '}', '-', '.'], "_");
        let mut described = Map::new();
        let mut add = |field: &str, value: Value| {
            described.insert(field.to_owned(), value);
        };
        add("operationId", json!(format!("{method}_{name}")));
        add("summary", json!(self.summary));
        add("responses", self.responses(&mut schemas.answers));
        if let Some(security) = self.security() {
            add("security", security);
        }
        if let Some(query) = self.query {
            add("parameters", parameters(query, &mut schemas.requests));
        }
        if let Some(body) = self.body {
            let schema = body(&mut schemas.requests).to_value();
            let content = json!({ "application/json": { "schema": schema } });
            add(
                "requestBody",
                json!({ "required": true, "content": content }),
            );
        }
        described.into()
    }

    fn security(&self) -> Option<Value> {
        let signed = json!({ SIGNED_HEADER: [] });
        match self.right? {
            // The operator may let everybody read.
            Right::Read => Some(json!([{}, signed])),
            Right::Write | Right::Admin => Some(json!([signed])),
        }
    }

    fn responses(&self, generator: &mut SchemaGenerator) -> Value {
        let answer = self.answer.describe(generator);
        let mut responses = Map::new();
        let ok = json!({
            "description": "The answer.",
            "content": { "application/json": { "schema": answer } },
        });
        responses.insert("200".to_owned(), ok);
        // Of any route: failures of the provider, and what may be retried.
        let mut statuses: BTreeSet<u16> = [500, 503].into();
        statuses.extend(self.errors);
        statuses.extend(self.right.iter().flat_map(|_| [401, 403]));
        statuses.extend(self.query.iter().map(|_| 400));
        // What does not parse.
        statuses.extend(self.body.iter().flat_map(|_| [400, 413, 415, 422]));
        for status in statuses {
            responses.insert(status.to_string(), error(status));
        }
        responses.into()
    }
}

/// Describes an error. A request that does not parse gets a text.
fn error(status: u16) -> Value {
    let json = json!({ "schema": { "$ref": "#/components/schemas/Error" } });
    let content = match status {
        400 | 413 | 415 | 422 => json!({
            "application/json": json,
            "text/plain": { "schema": { "type": "string" } },
        }),
        _ => json!({ "application/json": json }),
    };
    json!({ "description": "An error.", "content": content })
}

/// Describes the fields of a type as parameters in a query.
fn parameters(query: SchemaOf, generator: &mut SchemaGenerator) -> Value {
    let reference = query(generator).to_value();
    let path = reference.get("$ref").and_then(Value::as_str);
    let name = path.and_then(|path| path.rsplit('/').next());
    let schema = name.and_then(|name| generator.definitions_mut().remove(name));
    let schema = schema.unwrap_or_default();
    let required = schema.get("required").and_then(Value::as_array);
    let fields = schema.get("properties").and_then(Value::as_object);
    let described = fields.into_iter().flatten().map(|(name, schema)| {
        let is_required = required.is_some_and(|required| required.contains(&json!(name)));
        json!({ "name": name, "in": "query", "required": is_required, "schema": schema })
    });
    described.collect()
}
