//! The OpenAPI document: made with the router, operation by operation, so that no route can be left
//! out. Schemas are those of the types that the routes read and write.

mod operation;

pub(crate) use operation::{Answer, Operation};

use crate::app::App;
use crate::error::ErrorBody;
use axum::Router;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The path below which a document keeps its schemas.
const SCHEMAS: &str = "/components/schemas";
/// The name of the signed header in the document.
pub(crate) const SIGNED_HEADER: &str = "signedHeader";

/// The routes with their document. Each route is added to both.
pub(crate) struct Api {
    router: Router<App>,
    streamed: Router<App>,
    paths: Map<String, Value>,
    schemas: Schemas,
}

/// The schemas of requests and of answers: a field that may be left out of a request may be
/// required in an answer.
pub(crate) struct Schemas {
    pub(crate) requests: SchemaGenerator,
    pub(crate) answers: SchemaGenerator,
}

/// All routes, and the document that describes them.
pub(crate) struct Parts {
    pub(crate) routes: Router<App>,
    /// Those with bodies that are streams.
    pub(crate) streamed: Router<App>,
    pub(crate) document: Value,
}

/// Adds a method of `Api` for each method of routes with streams.
macro_rules! streamed {
    ($($name:ident = $method:ident,)*) => {
        impl Api {
            $(
                pub(crate) fn $name<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
                where
                    H: Handler<T, App>,
                    T: 'static,
                {
                    let method = stringify!($method);
                    self.add_streamed((method, path), routing::$method(handler), operation)
                }
            )*
        }
    };
}

streamed! {
    streamed_get = get,
    streamed_head = head,
    streamed_put = put,
    streamed_post = post,
    streamed_delete = delete,
}

impl Api {
    pub(crate) fn new() -> Self {
        let settings = || {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = SCHEMAS.into();
            settings
        };
        let mut schemas = Schemas {
            requests: settings().for_deserialize().into_generator(),
            answers: settings().for_serialize().into_generator(),
        };
        schemas.answers.subschema_for::<ErrorBody>();
        Self {
            router: Router::new(),
            streamed: Router::new(),
            paths: Map::new(),
            schemas,
        }
    }

    pub(crate) fn get<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(("get", path), routing::get(handler), operation)
    }

    pub(crate) fn put<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(("put", path), routing::put(handler), operation)
    }

    pub(crate) fn post<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(("post", path), routing::post(handler), operation)
    }

    fn add(mut self, method: (&str, &str), route: MethodRouter<App>, operation: Operation) -> Self {
        self.describe(method, &operation);
        self.router = self.router.route(method.1, route);
        self
    }

    fn describe(&mut self, (method, path): (&str, &str), operation: &Operation) {
        let described = operation.describe(method, path, &mut self.schemas);
        let of_path = self.paths.entry(path.to_owned());
        if let Some(operations) = of_path.or_insert_with(|| json!({})).as_object_mut() {
            operations.insert(method.to_owned(), described);
        }
    }

    /// Adds a route with a body that is a stream.
    fn add_streamed(
        mut self,
        method: (&str, &str),
        route: MethodRouter<App>,
        operation: Operation,
    ) -> Self {
        self.describe(method, &operation);
        self.streamed = self.streamed.route(method.1, route);
        self
    }

    /// Returns the routes, and their document.
    pub(crate) fn into_parts(self) -> Parts {
        let Schemas {
            mut requests,
            mut answers,
        } = self.schemas;
        let mut schemas = requests.take_definitions(true);
        schemas.extend(answers.take_definitions(true));
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "The HTTP API of a Cairn storage provider",
                "description": "Paths, encodings, status codes and error bodies are those of the \
                                deployed storage provider. docs/http.md lists where an answer differs.",
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    SIGNED_HEADER: {
                        "type": "apiKey",
                        "in": "header",
                        "name": "Authorization",
                        "description": "`Web3Storage <public key>:<signature>:<seconds since 1970>`, \
                            with an sr25519 signature over `web3storage:<METHOD>:<bucket>:<seconds>`, \
                            raw or between `<Bytes>` and `</Bytes>`.",
                    },
                },
            },
        });
        Parts {
            routes: self.router,
            streamed: self.streamed,
            document,
        }
    }
}
