//! `#[derive(State)]`: the fields of a struct become tables of the store.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Data, DeriveInput, Error, Expr, Field, Fields, LitStr, Path, PathArguments, Result, Type,
};

use crate::diagnostics::Errors;

/// What `#[state(...)]` says about a field.
#[derive(Default)]
struct Options {
    ttl_ns: Option<u64>,
    expires: Option<TokenStream>,
    refresh: Option<TokenStream>,
    default: Option<Expr>,
    reduce: Option<Expr>,
    aggregate: Option<Expr>,
}

pub(crate) fn expand(input: &DeriveInput) -> TokenStream {
    generate(input).unwrap_or_else(Error::into_compile_error)
}

fn generate(input: &DeriveInput) -> Result<TokenStream> {
    let fields = fields(input)?;
    let name = &input.ident;
    let mut errors = Errors::default();
    let mut declare = Vec::new();
    let (mut buckets, mut entries, mut expire) = (vec![], vec![], vec![]);
    let (mut next, mut freeze) = (vec![], vec![]);
    for field in fields {
        let Some(options) = errors.keep(Options::read(field)) else { continue };
        let ident = field.ident.as_ref().expect("invariant: the fields have names");
        declare.push(options.declare(field));
        buckets.push(quote!(::thalweg::state::StateField::prefetch_bucket(&self.#ident, hash);));
        entries.push(quote!(::thalweg::state::StateField::prefetch_entry(&self.#ident, hash);));
        expire.push(quote!(::thalweg::state::StateField::expire(&mut self.#ident, sweep);));
        freeze.push(quote!(::thalweg::state::StateField::freeze(&mut self.#ident, into);));
        next.push(quote!(::thalweg::state::StateField::next_expiry(&self.#ident, by)));
    }
    errors.finish()?;
    Ok(quote! {
        #[automatically_derived]
        impl ::thalweg::state::State for #name {
            fn declare(builder: &mut ::thalweg::state::StateBuilder<'_>) -> Self {
                Self { #(#declare,)* }
            }

            #[inline(always)]
            fn prefetch_bucket(&self, hash: ::thalweg::record::KeyHash) {
                let _ = hash;
                #(#buckets)*
            }

            #[inline(always)]
            fn prefetch_entry(&self, hash: ::thalweg::record::KeyHash) {
                let _ = hash;
                #(#entries)*
            }

            fn expire(&mut self, sweep: &mut ::thalweg::state::Sweep) {
                let _ = &sweep;
                #(#expire)*
            }

            fn next_expiry(&self, by: ::thalweg::state::Expires) -> ::core::option::Option<i64> {
                let _ = by;
                let expiries: &[::core::option::Option<i64>] = &[#(#next,)*];
                expiries.iter().flatten().min().copied()
            }

            fn freeze(&mut self, into: &mut ::thalweg::checkpoint::Freezing<'_>) {
                let _ = &into;
                #(#freeze)*
            }
        }
    })
}

/// The named fields of a struct without parameters.
fn fields(input: &DeriveInput) -> Result<Vec<&Field>> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "a state has no parameters: name its types",
        ));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter().collect()),
            Fields::Unit => Ok(Vec::new()),
            Fields::Unnamed(fields) => Err(Error::new_spanned(
                fields,
                "state is addressed by the names of its fields: give them names",
            )),
        },
        Data::Enum(data) => Err(Error::new(
            data.enum_token.span,
            "a state is a struct, whose fields are the tables",
        )),
        Data::Union(data) => Err(Error::new(
            data.union_token.span,
            "a state is a struct, whose fields are the tables",
        )),
    }
}

impl Options {
    fn read(field: &Field) -> Result<Self> {
        let mut options = Self::default();
        let mut at = None;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("state")) {
            at = Some(attribute.span());
            attribute.parse_nested_meta(|meta| {
                let path = &meta.path;
                if path.is_ident("ttl") {
                    options.ttl_ns = Some(duration(&meta.value()?.parse()?)?);
                } else if path.is_ident("expires") {
                    let text: LitStr = meta.value()?.parse()?;
                    options.expires = Some(match text.value().as_str() {
                        "event" => quote!(Event),
                        "processing" => quote!(Processing),
                        _ => return Err(Error::new_spanned(text, "state expires by \"event\" time or by \"processing\" time")),
                    });
                } else if path.is_ident("refresh") {
                    let text: LitStr = meta.value()?.parse()?;
                    options.refresh = Some(match text.value().as_str() {
                        "write" => quote!(Write),
                        "read_write" => quote!(ReadWrite),
                        _ => return Err(Error::new_spanned(text, "what lets state live on is \"write\" or \"read_write\"")),
                    });
                } else if path.is_ident("default") {
                    options.default = Some(only(field, path, &meta.value()?.parse()?, "Value")?);
                } else if path.is_ident("reduce") {
                    options.reduce = Some(only(field, path, &meta.value()?.parse()?, "Reducing")?);
                } else if path.is_ident("aggregate") {
                    let aggregate = only(field, path, &meta.value()?.parse()?, "Aggregating")?;
                    options.aggregate = Some(aggregate);
                } else {
                    return Err(meta.error("not an option of state: `ttl`, `expires`, `refresh`, `default`, `reduce` and `aggregate` are"));
                }
                Ok(())
            })?;
        }
        let span = at.unwrap_or_else(|| field.ty.span());
        if options.ttl_ns.is_none() && (options.expires.is_some() || options.refresh.is_some()) {
            return Err(Error::new(span, "say for how long it lives: `ttl = \"1h\"`"));
        }
        let missing = match kind(&field.ty).as_deref() {
            Some("Reducing") if options.reduce.is_none() => {
                "say how values are reduced: `#[state(reduce = |total, more| *total += more)]`"
            }
            Some("Aggregating") if options.aggregate.is_none() => {
                "say how records are aggregated: `#[state(aggregate = Count)]`"
            }
            _ => return Ok(options),
        };
        Err(Error::new_spanned(&field.ty, missing))
    }

    /// `seen: Value::declare(builder, "seen", None)`.
    fn declare(&self, field: &Field) -> TokenStream {
        let Self { ttl_ns, expires, refresh, default, reduce, aggregate } = self;
        let (ident, ty) = (&field.ident, &field.ty);
        let name = ident.as_ref().map(|ident| ident.unraw().to_string());
        let ttl = match ttl_ns {
            None => quote!(::core::option::Option::None),
            Some(ns) => {
                let expires = expires.clone().unwrap_or_else(|| quote!(Event));
                let refresh = refresh.clone().unwrap_or_else(|| quote!(Write));
                quote!(::core::option::Option::Some(::thalweg::state::Ttl {
                    after: ::core::time::Duration::from_nanos(#ns),
                    expires: ::thalweg::state::Expires::#expires,
                    refresh: ::thalweg::state::Refresh::#refresh,
                }))
            }
        };
        let default = default.as_ref().map(|default| quote!(.with_default(|| #default)));
        let reduce = reduce.as_ref().map(|reduce| quote!(.with_reduce(#reduce)));
        let aggregate = aggregate.as_ref().map(|it| quote!(.with_aggregator(#it)));
        let declared = quote_spanned!(ty.span()=> <#ty as ::thalweg::state::StateField>::declare);
        quote!(#ident: #declared(builder, #name, #ttl) #default #reduce #aggregate)
    }
}

/// The expression, if the field is of that kind.
fn only(field: &Field, path: &Path, value: &Expr, wanted: &str) -> Result<Expr> {
    if kind(&field.ty).is_some_and(|kind| kind == wanted) {
        return Ok(value.clone());
    }
    Err(Error::new_spanned(path, format!("only a `{wanted}` has this option")))
}

/// `Value` of `thalweg::state::Value<u64>`.
fn kind(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    matches!(last.arguments, PathArguments::AngleBracketed(_)).then(|| last.ident.to_string())
}

/// Nanoseconds of "90s", "5m", "1h", "500ms".
fn duration(text: &LitStr) -> Result<u64> {
    const UNITS: [(&str, u64); 7] = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    let value = text.value();
    let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unit = UNITS.iter().find(|(unit, _)| *unit == value[digits..].trim());
    let count = value[..digits].parse::<u64>().ok();
    let nanos = unit.zip(count).and_then(|((_, ns), count)| count.checked_mul(*ns));
    nanos.filter(|nanos| *nanos > 0 && i64::try_from(*nanos).is_ok()).ok_or_else(|| {
        Error::new_spanned(
            text,
            "a time to live is a whole number and a unit, `ns`, `us`, `ms`, `s`, `m`, `h` or `d`: \"90s\", \"1h\"",
        )
    })
}
