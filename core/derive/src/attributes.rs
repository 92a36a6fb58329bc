//! What the user says: the arguments of `#[record]`, and the marks on fields and variants.

use std::collections::HashMap;

use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Ident, LitInt, LitStr, Path, Result, Token, parse_quote};

/// The traits that the attribute derives unless told not to, and whether older values are upgraded.
pub(crate) struct Arguments {
    pub(crate) serde: bool,
    pub(crate) clone: bool,
    pub(crate) debug: bool,
    pub(crate) partial_eq: bool,
    pub(crate) upgrade: bool,
}

impl Arguments {
    /// Reads the parentheses of `#[record(...)]`.
    pub(crate) fn parse(paths: &Punctuated<Path, Token![,]>) -> Result<Self> {
        let mut arguments =
            Self { serde: true, clone: true, debug: true, partial_eq: true, upgrade: false };
        for path in paths {
            if path.is_ident("upgrade") {
                arguments.upgrade = true;
                continue;
            }
            let derived = match path.get_ident().map(Ident::to_string).as_deref() {
                Some("no_serde") => &mut arguments.serde,
                Some("no_clone") => &mut arguments.clone,
                Some("no_debug") => &mut arguments.debug,
                Some("no_partial_eq") => &mut arguments.partial_eq,
                _ => {
                    return Err(Error::new(
                        path.span(),
                        "unknown argument: `record` takes `upgrade`, `no_serde`, `no_clone`, `no_debug` and `no_partial_eq`",
                    ));
                }
            };
            *derived = false;
        }
        Ok(arguments)
    }

    /// Which of them stand in a `#[derive]` already: deriving those twice would not compile.
    pub(crate) fn derived_by_user(attributes: &[Attribute]) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
            let paths =
                attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)?;
            names.extend(
                paths.iter().filter_map(|path| Some(path.segments.last()?.ident.to_string())),
            );
        }
        Ok(names)
    }
}

/// The marks on one field or variant.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) event_time: Option<Span>,
    pub(crate) key: Option<Span>,
    id: Option<(u32, Span)>,
    /// What it is where an older version has nothing.
    pub(crate) default: Option<Expr>,
}

impl Marks {
    /// Reads the marks and removes them, so that what is left is plain Rust.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> Result<Self> {
        let mut marks = Self::default();
        let mut error = None;
        attributes.retain(|attribute| {
            let ours =
                ["event_time", "key", "field"].iter().any(|name| attribute.path().is_ident(name));
            if ours && let Err(new) = marks.read(attribute) {
                match &mut error {
                    None => error = Some(new),
                    Some(error) => Error::combine(error, new),
                }
            }
            !ours
        });
        error.map_or(Ok(marks), Err)
    }

    fn read(&mut self, attribute: &Attribute) -> Result<()> {
        if attribute.path().is_ident("field") {
            return attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("default") {
                    self.default = Some(match meta.input.peek(Token![=]) {
                        true => meta.value()?.parse()?,
                        false => parse_quote!(::core::default::Default::default()),
                    });
                    return Ok(());
                }
                let id = if meta.path.is_ident("id") {
                    meta.value()?.parse::<LitInt>()?.base10_parse()?
                } else if meta.path.is_ident("renamed_from") {
                    id_of(&meta.value()?.parse::<LitStr>()?.value())
                } else {
                    return Err(meta.error(
                        "unknown argument: `field` takes `id = 7`, `renamed_from = \"old\"`, `default` or `default = value`",
                    ));
                };
                if self.id.replace((id, meta.path.span())).is_some() {
                    return Err(meta.error(
                        "one of `id` and `renamed_from` is enough: each gives the field its id",
                    ));
                }
                Ok(())
            });
        }
        attribute.meta.require_path_only()?;
        let mark =
            if attribute.path().is_ident("key") { &mut self.key } else { &mut self.event_time };
        *mark = Some(attribute.span());
        Ok(())
    }

    /// The id, and where to point when it is taken.
    pub(crate) fn id(&self, name: &str, span: Span) -> (u32, Span) {
        self.id.unwrap_or_else(|| (id_of(name), span))
    }
}

/// Refuses a second field, or variant, with the same id.
#[derive(Default)]
pub(crate) struct Ids(HashMap<u32, String>);

impl Ids {
    pub(crate) fn claim(&mut self, id: u32, name: &str, span: Span) -> Result<()> {
        match self.0.insert(id, name.to_owned()) {
            None => Ok(()),
            Some(other) => Err(Error::new(
                span,
                format!(
                    "`{name}` has the same id, {id}, as `{other}`: give one of them another with `#[field(id = ...)]`"
                ),
            )),
        }
    }
}

/// The id of a field or variant: FNV-1a, 32 bits, of its name. It is part of the schemas in
/// checkpoints and must never change.
fn id_of(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
