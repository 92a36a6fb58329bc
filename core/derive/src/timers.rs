//! `#[derive(Timers)]`: the variants of an enum are the names of a key's timers.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Error, Result};

use crate::diagnostics::Errors;

/// So many names there may be: a name is one byte of a timer's key.
const NAMES_MAX: usize = 256;

pub(crate) fn expand(input: &DeriveInput) -> TokenStream {
    generate(input).unwrap_or_else(Error::into_compile_error)
}

fn generate(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(name, "the names of timers are the variants of an enum"));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "the names of timers have no parameters"));
    }
    let mut errors = Errors::default();
    for variant in data.variants.iter().filter(|variant| !variant.fields.is_empty()) {
        errors.keep::<()>(Err(Error::new_spanned(
            &variant.fields,
            "a timer is a name and a time: keep what belongs to it in the state of its key",
        )));
    }
    if let Some(variant) = data.variants.iter().nth(NAMES_MAX) {
        errors.keep::<()>(Err(Error::new_spanned(variant, "a key has 256 timers at most")));
    }
    errors.finish()?;
    let idents: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let names = idents.iter().map(|ident| ident.unraw().to_string());
    let numbers = || (0..=u8::MAX).take(idents.len());
    let (to, from) = (numbers(), numbers());
    Ok(quote! {
        #[automatically_derived]
        impl ::thalweg::process::Timers for #name {
            const NAMES: &'static [&'static str] = &[#(#names),*];

            #[inline]
            fn number(&self) -> u8 {
                match *self { #(Self::#idents => #to,)* }
            }

            #[inline]
            fn from_number(number: u8) -> Self {
                match number {
                    #(#from => Self::#idents,)*
                    _ => ::core::unreachable!("invariant: numbers are those of names"),
                }
            }
        }
    })
}
