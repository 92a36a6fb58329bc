//! `#[derive(SideOutputs)]`: the fields of a struct are further outputs of a process function.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Path, PathArguments, Result, Type};

pub(crate) fn expand(input: &DeriveInput) -> TokenStream {
    generate(input).unwrap_or_else(Error::into_compile_error)
}

fn generate(input: &DeriveInput) -> Result<TokenStream> {
    let (name, vis) = (&input.ident, &input.vis);
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => &fields.named,
            _ => {
                return Err(Error::new_spanned(
                    name,
                    "side outputs have names: give each a field, `late: Side<Reading>`",
                ));
            }
        },
        _ => return Err(Error::new_spanned(name, "side outputs are the fields of a struct")),
    };
    for Field { ty, .. } in fields {
        if !matches!(ty, Type::Path(path) if has_arguments(&path.path)) {
            let error =
                "the fields of side outputs are `Side<T>`, an output of records of type `T`";
            return Err(Error::new_spanned(ty, error));
        }
    }
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "side outputs have no parameters: name their types",
        ));
    }
    let streams = format_ident!("{name}Streams");
    let doc = format!("The streams of [`{name}`].");
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let names: Vec<_> =
        idents.iter().map(|ident| ident.as_ref().map(|ident| ident.unraw().to_string())).collect();
    let visibilities: Vec<_> = fields.iter().map(|field| &field.vis).collect();
    let stream_types: Vec<_> = fields
        .iter()
        .map(|field| {
            let ty = &field.ty;
            quote_spanned!(ty.span()=> <#ty as ::thalweg::process::SideOutput>::Stream)
        })
        .collect();
    let docs =
        names.iter().map(|name| format!("What went to `{}`.", name.as_deref().unwrap_or_default()));
    Ok(quote! {
        #[doc = #doc]
        #[derive(Debug)]
        #[must_use = "side outputs all go somewhere: a sink, or drop_counted()"]
        #vis struct #streams {
            #(#[doc = #docs] #visibilities #idents: #stream_types,)*
        }

        #[automatically_derived]
        impl ::thalweg::process::SideOutputs for #name {
            const NAMES: &'static [&'static str] = &[#(#names),*];
            type Streams = #streams;
            type Result<T: ::thalweg::record::Record> = ::thalweg::process::Processed<T, #streams>;

            fn declare(builder: &mut ::thalweg::process::SideBuilder<'_>) -> (Self, #streams) {
                #(let #idents = builder.output();)*
                (
                    Self { #(#idents: #idents.0,)* },
                    #streams { #(#idents: #idents.1,)* },
                )
            }

            fn result<T: ::thalweg::record::Record>(
                main: ::thalweg::prelude::Stream<T>,
                side: #streams,
            ) -> ::thalweg::process::Processed<T, #streams> {
                ::thalweg::process::Processed { main, side }
            }
        }

        #[automatically_derived]
        impl ::thalweg::process::Sides for #name {
            fn outputs(&mut self, each: &mut dyn ::core::ops::FnMut(&mut dyn ::thalweg::process::AnySide)) {
                #(each(&mut self.#idents);)*
            }
        }
    })
}

/// `Side<u64>` has arguments; `u64`, for which the compiler would complain about what is written here, has none.
fn has_arguments(path: &Path) -> bool {
    path.segments
        .last()
        .is_some_and(|last| matches!(last.arguments, PathArguments::AngleBracketed(_)))
}
