//! Reads methods and types out of the source of `cairn-rpc`: names, parameters,
//! and what their comments say.

use std::path::Path;
use syn::{
    Attribute, Expr, FnArg, GenericArgument, Item, Lit, Meta, Pat, PathArguments, TraitItem,
};

/// All that is served.
pub(crate) struct Api {
    pub(crate) methods: Vec<Method>,
    pub(crate) types: Vec<TypeDef>,
    /// Why nothing is signed: the SCALE index, and what it means.
    pub(crate) refusals: Vec<(u8, String)>,
}

pub(crate) struct Method {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) params: Vec<Field>,
    pub(crate) result: Ty,
    pub(crate) is_unsafe: bool,
    pub(crate) subscription: Option<Subscription>,
}

pub(crate) struct Subscription {
    pub(crate) notification: String,
    pub(crate) unsubscribe: String,
    pub(crate) item: Ty,
}

/// A parameter, or a field.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) ty: Ty,
    pub(crate) is_optional: bool,
}

pub(crate) struct TypeDef {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Object(Vec<Field>),
    Choice(Vec<Variant>),
}

pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) content: Option<Ty>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ty {
    Unit,
    Named(String),
    List(Box<Ty>),
    Tuple(Vec<Ty>),
}

impl Api {
    pub(crate) fn read(workspace: &Path) -> Self {
        let file = |path: &str| {
            let text = std::fs::read_to_string(workspace.join(path)).unwrap();
            syn::parse_file(&text).unwrap().items
        };
        let traits = ["bucket", "provider", "store"];
        let mut methods: Vec<_> = traits
            .iter()
            .flat_map(|name| file(&format!("rpc/src/api/{name}.rs")))
            .flat_map(methods_of)
            .collect();
        methods.sort_by(|one, other| one.name.cmp(&other.name));
        let rooms = ["at", "bucket", "content", "pallet_mmr", "proof", "provider"];
        let mut types: Vec<_> = rooms
            .iter()
            .flat_map(|name| file(&format!("rpc/src/types/{name}.rs")))
            .filter_map(type_of)
            .collect();
        types.sort_by(|one, other| one.name.cmp(&other.name));
        let refusals = file("primitives/src/cosign.rs");
        Self {
            methods,
            types,
            refusals: refusals.into_iter().flat_map(refusals_of).collect(),
        }
    }
}

/// The tokens within an attribute of this name, without spaces.
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

/// A comment, its lines joined and its paragraphs kept.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value().trim().to_owned()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        });
    let joined: Vec<_> = lines.collect();
    let paragraphs = joined.split(String::is_empty).map(|lines| lines.join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

fn methods_of(item: Item) -> Vec<Method> {
    let Item::Trait(definition) = item else {
        return Vec::new();
    };
    let namespace = tokens(&definition.attrs, "rpc").unwrap();
    let namespace = quoted(&namespace, "namespace").unwrap();
    let functions = definition.items.into_iter().map(|item| match item {
        TraitItem::Fn(function) => function,
        _ => panic!("a trait of methods has methods alone"),
    });
    functions
        .map(|function| {
            let full = |name: String| format!("{namespace}_{name}");
            let params = function.sig.inputs.iter().filter_map(|input| match input {
                FnArg::Typed(typed) => {
                    let Pat::Ident(ident) = &*typed.pat else {
                        panic!("a parameter has a name");
                    };
                    let renamed = tokens(&typed.attrs, "argument");
                    let renamed = renamed.and_then(|tokens| quoted(&tokens, "rename"));
                    Some(field(
                        renamed.unwrap_or_else(|| ident.ident.to_string()),
                        String::new(),
                        &typed.ty,
                    ))
                }
                FnArg::Receiver(_) => None,
            });
            let params = params.collect();
            let doc = doc(&function.attrs);
            if let Some(given) = tokens(&function.attrs, "subscription") {
                let (_, notification) = given.split_once("=>\"").unwrap();
                let notification = notification.split('"').next().unwrap().to_owned();
                let (_, item) = given.split_once("item=").unwrap();
                let item = item.split(',').next().unwrap().to_owned();
                return Method {
                    name: full(quoted(&given, "name").unwrap()),
                    doc,
                    params,
                    result: Ty::Named("String".to_owned()),
                    is_unsafe: false,
                    subscription: Some(Subscription {
                        notification: full(notification),
                        unsubscribe: full(quoted(&given, "unsubscribe").unwrap()),
                        item: Ty::Named(item),
                    }),
                };
            }
            let given = tokens(&function.attrs, "method").unwrap();
            let syn::ReturnType::Type(_, result) = &function.sig.output else {
                panic!("a method has a result");
            };
            Method {
                name: full(quoted(&given, "name").unwrap()),
                doc,
                params,
                // The result, and not the error beside it.
                result: ty(&generics(result)[0]),
                is_unsafe: given.contains("with_extensions"),
                subscription: None,
            }
        })
        .collect()
}

fn type_of(item: Item) -> Option<TypeDef> {
    let is_camel = |attributes: &[Attribute]| {
        tokens(attributes, "serde")
            .is_some_and(|tokens| tokens.contains("rename_all=\"camelCase\""))
    };
    match item {
        Item::Struct(definition) => {
            let camel = is_camel(&definition.attrs);
            let fields = definition.fields.into_iter().map(|given| {
                let name = given.ident.unwrap().to_string();
                let name = if camel {
                    camel_case(&name, false)
                } else {
                    name
                };
                field(name, doc(&given.attrs), &given.ty)
            });
            Some(TypeDef {
                name: definition.ident.to_string(),
                doc: doc(&definition.attrs),
                kind: Kind::Object(fields.collect()),
            })
        }
        Item::Enum(definition) => {
            assert!(
                is_camel(&definition.attrs),
                "{} is in camelCase",
                definition.ident
            );
            let variants = definition.variants.into_iter().map(|given| Variant {
                name: camel_case(&given.ident.to_string(), true),
                doc: doc(&given.attrs),
                content: given.fields.iter().next().map(|field| ty(&field.ty)),
            });
            Some(TypeDef {
                name: definition.ident.to_string(),
                doc: doc(&definition.attrs),
                kind: Kind::Choice(variants.collect()),
            })
        }
        _ => None,
    }
}

fn refusals_of(item: Item) -> Vec<(u8, String)> {
    let Item::Enum(definition) = item else {
        return Vec::new();
    };
    if definition.ident != "Refusal" {
        return Vec::new();
    }
    let refusals = definition.variants.iter().map(|variant| {
        let index = tokens(&variant.attrs, "codec").unwrap();
        let index = index.trim_start_matches("index=").parse().unwrap();
        (index, doc(&variant.attrs))
    });
    refusals.collect()
}

/// `leaf_count` or `LeafCount` as `leafCount`.
fn camel_case(name: &str, is_variant: bool) -> String {
    let mut upper = false;
    let camel: String = name
        .chars()
        .filter_map(|letter| {
            if letter == '_' {
                upper = true;
                return None;
            }
            Some(if std::mem::take(&mut upper) {
                letter.to_ascii_uppercase()
            } else {
                letter
            })
        })
        .collect();
    match is_variant {
        true => camel[..1].to_lowercase() + &camel[1..],
        false => camel,
    }
}

fn field(name: String, doc: String, given: &syn::Type) -> Field {
    let is_optional = is_option(given);
    let ty = match is_optional {
        true => ty(&generics(given)[0]),
        false => ty(given),
    };
    Field {
        name,
        doc,
        ty,
        is_optional,
    }
}

fn is_option(given: &syn::Type) -> bool {
    matches!(given, syn::Type::Path(path) if path.path.segments.last().unwrap().ident == "Option")
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

fn ty(given: &syn::Type) -> Ty {
    match given {
        syn::Type::Tuple(tuple) if tuple.elems.is_empty() => Ty::Unit,
        syn::Type::Tuple(tuple) => Ty::Tuple(tuple.elems.iter().map(ty).collect()),
        // The one there is has two of them.
        syn::Type::Array(array) => Ty::Tuple(vec![ty(&array.elem), ty(&array.elem)]),
        syn::Type::Path(path) => {
            let name = path.path.segments.last().unwrap().ident.to_string();
            match name.as_str() {
                "Vec" => Ty::List(Box::new(ty(&generics(given)[0]))),
                _ => Ty::Named(name),
            }
        }
        _ => panic!("a type that the reference does not know"),
    }
}
