//! Reads the methods from the `#[rpc]` traits of `cairn-rpc-api`: names, parameters and docs. The
//! macro offers no description of them at run time; the types have one, by `schemars`.

use cairn_rpc_api::{REFUSED, TERMS_REFUSED, schema};
use serde_json::{Map, Value, json};
use std::path::Path;
use syn::{
    Attribute, Expr, FnArg, GenericArgument, Item, Lit, Meta, Pat, PathArguments, TraitItem,
};

/// All methods, and the types that they name.
pub(crate) struct Api {
    pub(crate) methods: Vec<Method>,
    pub(crate) types: Map<String, Value>,
    /// The reasons of refused signatures and terms: the code, and the meaning.
    pub(crate) refusals: Vec<(i32, String)>,
}

pub(crate) struct Method {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) params: Vec<Param>,
    /// The schema of the result.
    pub(crate) result: Value,
    pub(crate) is_unsafe: bool,
    pub(crate) subscription: Option<Subscription>,
}

pub(crate) struct Subscription {
    pub(crate) notification: String,
    pub(crate) unsubscribe: String,
    /// The schema of a notification.
    pub(crate) item: Value,
}

pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) schema: Value,
    pub(crate) is_optional: bool,
}

impl Api {
    pub(crate) fn read(workspace: &Path) -> Self {
        let file = |path: &str| {
            let text = std::fs::read_to_string(workspace.join(path)).unwrap();
            syn::parse_file(&text).unwrap().items
        };
        let types = described(schema::all());
        let groups = ["bucket", "provider", "write"];
        let mut methods: Vec<_> = groups
            .iter()
            .flat_map(|name| file(&format!("rpc/api/src/methods/{name}.rs")))
            .flat_map(methods_of)
            .collect();
        methods.sort_by(|one, other| one.name.cmp(&other.name));
        let of_checkpoints = file("primitives/src/cosign.rs").into_iter();
        let of_checkpoints = of_checkpoints.flat_map(|item| refusals_of(item, "Refusal", REFUSED));
        let of_terms = file("primitives/src/terms/refusal.rs").into_iter();
        let of_terms = of_terms.flat_map(|item| refusals_of(item, "TermsRefusal", TERMS_REFUSED));
        Self {
            methods,
            types,
            refusals: of_checkpoints.chain(of_terms).collect(),
        }
    }
}

/// Joins the lines of each description, as a comment has them.
fn described(types: Map<String, Value>) -> Map<String, Value> {
    fn join(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) if name == "description" => *text = paragraphs(text),
                        value => join(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(join),
            _ => {}
        }
    }
    let mut all = Value::Object(types);
    join(&mut all);
    match all {
        Value::Object(types) => types,
        _ => unreachable!("it was made of an object"),
    }
}

/// Joins the lines within each paragraph.
fn paragraphs(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let paragraphs = lines.split(|line| line.is_empty());
    let joined: Vec<_> = paragraphs.map(|lines| lines.join(" ")).collect();
    joined.join("\n\n")
}

/// Returns the tokens of an attribute without spaces.
fn tokens(attributes: &[Attribute], name: &str) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident(name) => {
                Some(list.tokens.to_string().replace(' ', ""))
            }
            _ => None,
        })
}

fn quoted(tokens: &str, key: &str) -> Option<String> {
    let (_, rest) = tokens.split_once(&format!("{key}=\""))?;
    Some(rest.split('"').next()?.to_owned())
}

fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        });
    paragraphs(&lines.collect::<Vec<_>>().join("\n"))
}

fn methods_of(item: Item) -> Vec<Method> {
    let Item::Trait(definition) = item else {
        return Vec::new();
    };
    let group = tokens(&definition.attrs, "rpc").unwrap();
    let group = quoted(&group, "namespace").unwrap();
    let functions = definition.items.into_iter().map(|item| match item {
        TraitItem::Fn(function) => function,
        _ => panic!("a trait of methods has only methods"),
    });
    functions
        .map(|function| {
            let full = |name: String| format!("{group}_{name}");
            let params = function.sig.inputs.iter().filter_map(|input| match input {
                FnArg::Typed(typed) => Some(param(typed)),
                FnArg::Receiver(_) => None,
            });
            let params = params.collect();
            let doc = doc(&function.attrs);
            if let Some(given) = tokens(&function.attrs, "subscription") {
                let (_, notification) = given.split_once("=>\"").unwrap();
                let notification = notification.split('"').next().unwrap().to_owned();
                let (_, item) = given.split_once("item=").unwrap();
                let item = item.split(',').next().unwrap();
                return Method {
                    name: full(quoted(&given, "name").unwrap()),
                    doc,
                    params,
                    result: json!({ "type": "string" }),
                    is_unsafe: false,
                    subscription: Some(Subscription {
                        notification: full(notification),
                        unsubscribe: full(quoted(&given, "unsubscribe").unwrap()),
                        item: named(item),
                    }),
                };
            }
            let given = tokens(&function.attrs, "method").unwrap();
            let syn::ReturnType::Type(_, result) = &function.sig.output else {
                panic!("a method has a result");
            };
            let is_unsafe = given.contains("with_extensions");
            assert_eq!(
                is_unsafe,
                group == "cairnWrite_v1",
                "{group}: the group tells whether a method is unsafe"
            );
            Method {
                name: full(quoted(&given, "name").unwrap()),
                doc,
                params,
                // The first argument of `Result<_, Error>`.
                result: schema_of(&generics(result)[0]),
                is_unsafe,
                subscription: None,
            }
        })
        .collect()
}

fn param(typed: &syn::PatType) -> Param {
    let Pat::Ident(ident) = &*typed.pat else {
        panic!("a parameter has a name");
    };
    let renamed = tokens(&typed.attrs, "argument");
    let renamed = renamed.and_then(|tokens| quoted(&tokens, "rename"));
    let is_optional = name_of(&typed.ty) == "Option";
    let ty = match is_optional {
        true => generics(&typed.ty)[0].clone(),
        false => (*typed.ty).clone(),
    };
    Param {
        name: renamed.unwrap_or_else(|| ident.ident.to_string()),
        schema: schema_of(&ty),
        is_optional,
    }
}

/// Returns the codes and meanings of an enum of refusals; none for another item.
fn refusals_of(item: Item, name: &str, first: i32) -> Vec<(i32, String)> {
    let Item::Enum(definition) = item else {
        return Vec::new();
    };
    if definition.ident != name {
        return Vec::new();
    }
    let refusals = definition.variants.iter().map(|variant| {
        let index = tokens(&variant.attrs, "codec").unwrap();
        let index: i32 = index.trim_start_matches("index=").parse().unwrap();
        (first + index, doc(&variant.attrs))
    });
    refusals.collect()
}

fn name_of(given: &syn::Type) -> String {
    match given {
        syn::Type::Path(path) => path.path.segments.last().unwrap().ident.to_string(),
        syn::Type::Tuple(tuple) if tuple.elems.is_empty() => "()".to_owned(),
        _ => panic!("a type that no method has so far"),
    }
}

fn generics(given: &syn::Type) -> Vec<syn::Type> {
    let syn::Type::Path(path) = given else {
        return Vec::new();
    };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last().unwrap().arguments
    else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    });
    types.collect()
}

/// Returns the schema of a parameter's or result's type.
fn schema_of(given: &syn::Type) -> Value {
    match name_of(given).as_str() {
        "()" => json!({ "type": "null" }),
        "bool" => json!({ "type": "boolean" }),
        "u32" => json!({ "type": "integer", "format": "uint32", "minimum": 0 }),
        "String" => json!({ "type": "string" }),
        "Vec" => json!({ "type": "array", "items": schema_of(&generics(given)[0]) }),
        name => named(name),
    }
}

fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
