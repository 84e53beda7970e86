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
pub(crate) enum Answer {
    /// One value.
    Json(SchemaOf),
    /// A value with one more field, a list, and the schema of its items. Answers that are sent piece
    /// by piece are no type of their own.
    List(SchemaOf, &'static str, SchemaOf),
    /// Content, or a range of it.
    Bytes,
    /// Headers alone.
    None,
}

impl Answer {
    /// An answer that is one value.
    pub(crate) fn of<T: JsonSchema>() -> Self {
        Self::Json(schema_of::<T>)
    }

    /// An answer with the fields of a type, and one more with a list.
    pub(crate) fn list<T: JsonSchema, Item: JsonSchema>(name: &'static str) -> Self {
        Self::List(schema_of::<T>, name, schema_of::<Item>)
    }

    /// An answer that is content as it was stored.
    pub(crate) const fn bytes() -> Self {
        Self::Bytes
    }

    /// An answer without a body.
    pub(crate) const fn none() -> Self {
        Self::None
    }

    /// Describes the successful responses, by their status.
    fn describe(&self, generator: &mut SchemaGenerator) -> Map<String, Value> {
        let json = |schema| json!({ "application/json": { "schema": schema } });
        let responses = match self {
            Self::Json(schema) => {
                let content = json(schema(generator).to_value());
                json!({ "200": { "description": "The answer.", "content": content } })
            }
            Self::List(schema, name, item) => {
                let schema = schema(generator).to_value();
                let items = item(generator).to_value();
                let content = json(json!({
                    "allOf": [schema, {
                        "type": "object",
                        "properties": { *name: { "type": "array", "items": items } },
                        "required": [name],
                    }],
                }));
                json!({ "200": { "description": "The answer.", "content": content } })
            }
            // Of the type that was given when it was stored.
            Self::Bytes => json!({
                "200": { "description": "The content.", "content": { "*/*": {} } },
                "206": { "description": "The range.", "content": { "*/*": {} } },
            }),
            Self::None => json!({ "200": { "description": "The headers." } }),
        };
        match responses {
            Value::Object(responses) => responses,
            _ => Map::new(),
        }
    }
}

/// The body of a request.
enum RequestBody {
    Json(SchemaOf),
    Bytes,
}

/// An operation.
pub(crate) struct Operation {
    summary: &'static str,
    answer: Answer,
    right: Option<Right>,
    /// Set if reading needs a role, even where everybody may read.
    is_of_members: bool,
    query: Option<SchemaOf>,
    body: Option<RequestBody>,
    errors: &'static [u16],
}

impl Operation {
    pub(crate) fn new(summary: &'static str, answer: Answer) -> Self {
        Self {
            summary,
            answer,
            right: None,
            is_of_members: false,
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

    /// The right in the bucket that the caller needs, also where everybody may read.
    pub(crate) fn by_member(mut self, right: Right) -> Self {
        self.is_of_members = true;
        self.by(right)
    }

    /// Parameters in the query: the fields of a type.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>);
        self
    }

    /// A body of JSON.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(RequestBody::Json(schema_of::<T>));
        self
    }

    /// A body of bytes.
    pub(crate) fn bytes(mut self) -> Self {
        self.body = Some(RequestBody::Bytes);
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
        add("responses", self.responses(path, &mut schemas.answers));
        if let Some(security) = self.security() {
            add("security", security);
        }
        let mut all = in_path(path);
        if let Some(query) = self.query {
            all.extend(parameters(query, &mut schemas.requests));
        }
        if !all.is_empty() {
            add("parameters", all.into());
        }
        if let Some(body) = &self.body {
            let content = match body {
                RequestBody::Json(schema) => {
                    let schema = schema(&mut schemas.requests).to_value();
                    json!({ "application/json": { "schema": schema } })
                }
                RequestBody::Bytes => json!({ "*/*": {} }),
            };
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
            Right::Read if !self.is_of_members => Some(json!([{}, signed])),
            Right::Read | Right::Write | Right::Admin => Some(json!([signed])),
        }
    }

    fn responses(&self, path: &str, generator: &mut SchemaGenerator) -> Value {
        let mut responses = self.answer.describe(generator);
        // Of any route: failures of the provider, and what may be retried.
        let mut statuses: BTreeSet<u16> = [500, 503].into();
        statuses.extend(self.errors);
        statuses.extend(self.right.iter().flat_map(|_| [401, 403]));
        if self.query.is_some() || path.contains('{') {
            statuses.insert(400);
        }
        // What does not parse.
        let is_json = matches!(self.body, Some(RequestBody::Json(_)));
        statuses.extend(
            is_json
                .then_some([400, 413, 415, 422])
                .into_iter()
                .flatten(),
        );
        if matches!(self.answer, Answer::Bytes) {
            statuses.insert(416);
        }
        for status in statuses {
            let described = match self.answer {
                // No answer to HEAD has a body.
                Answer::None => json!({ "description": "An error." }),
                _ => error(status),
            };
            responses.insert(status.to_string(), described);
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

/// Describes the numbers in a path, such as `{bucket_id}`.
fn in_path(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?;
        name.strip_suffix('}')
    });
    let described = names.map(|name| {
        let schema = json!({ "type": "integer", "minimum": 0 });
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    });
    described.collect()
}

/// Describes the fields of a type as parameters in a query.
fn parameters(query: SchemaOf, generator: &mut SchemaGenerator) -> Vec<Value> {
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
