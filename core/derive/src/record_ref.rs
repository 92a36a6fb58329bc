//! `#[record_ref(Bid)]`: a struct or an enum that is archived as the record `Bid` is, and whose texts are references.
//!
//! rkyv's own derive writes the archive, field by field, with the archived type's fields checked by the compiler. What it does not see is checked here: that no field
//! or variant is left out, at compile time; that they stand in the same order, when the first value is archived.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Fields, Member, Path, Result, Type, parse_quote, parse2};

pub(crate) fn expand(of: TokenStream, item: TokenStream) -> TokenStream {
    generate(of, item).unwrap_or_else(Error::into_compile_error)
}

fn generate(of: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let span = Span::call_site();
    let of: Path = parse2(of).map_err(|_| {
        Error::new(span, "say which record it is archived as: `#[record_ref(Bid)]`")
    })?;
    let mut item: DeriveInput = parse2(item)?;
    let archived = archived(&of);
    let mut bounds = Vec::new();
    let (names, complete) = match &mut item.data {
        Data::Struct(data) => {
            mark_texts(&mut data.fields, &mut bounds);
            let members = members(&data.fields);
            (names(&data.fields), quote!(let #archived { #(#members: _),* } = archived;))
        }
        Data::Enum(data) => {
            let mut arms = TokenStream::new();
            let mut names = Vec::new();
            for variant in &mut data.variants {
                if let Some((_, value)) = &variant.discriminant {
                    let error =
                        "variants are numbered as those of the record are: leave the number out";
                    return Err(Error::new_spanned(value, error));
                }
                mark_texts(&mut variant.fields, &mut bounds);
                let (ident, members) = (&variant.ident, members(&variant.fields));
                arms.extend(quote!(#archived::#ident { #(#members: _),* } => {}));
                names.push(ident.to_string());
            }
            (names, quote!(match archived { #arms }))
        }
        Data::Union(_) => return Err(Error::new_spanned(&item.ident, "a union is no record")),
    };
    let name = &item.ident;
    let (impl_generics, ty_generics, where_clause) = item.generics.split_for_impl();
    Ok(quote! {
        #[derive(
            ::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug,
            ::thalweg::rkyv::Archive, ::thalweg::rkyv::Serialize,
        )]
        #[rkyv(crate = ::thalweg::rkyv, as = #archived, serialize_bounds(#(#bounds),*))]
        #item

        const _: () = {
            // Refused by the compiler if a field or a variant is missing.
            #[allow(dead_code, clippy::all, reason = "it is there to be compiled")]
            fn complete(archived: &#archived) {
                #complete
            }

            #[automatically_derived]
            impl #impl_generics ::thalweg::record::ArchivesAs<#of> for #name #ty_generics #where_clause {
                #[inline]
                fn check() {
                    static IS_CHECKED: ::core::sync::atomic::AtomicBool = ::core::sync::atomic::AtomicBool::new(false);
                    ::thalweg::record::check_order::<#of>(&IS_CHECKED, &[#(#names),*]);
                }
            }
        };
    })
}

/// `model::Bid` as it is archived: `model::ArchivedBid`.
fn archived(of: &Path) -> Path {
    let mut archived = of.clone();
    if let Some(last) = archived.segments.last_mut() {
        last.ident = format_ident!("Archived{}", last.ident);
    }
    archived
}

fn members(fields: &Fields) -> Vec<Member> {
    fields.members().collect()
}

fn names(fields: &Fields) -> Vec<String> {
    let name = |member| match member {
        Member::Named(ident) => syn::ext::IdentExt::unraw(&ident).to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    };
    fields.members().map(name).collect()
}

/// Has texts archived as texts, not as references; what each field needs to be serialised.
fn mark_texts(fields: &mut Fields, bounds: &mut Vec<TokenStream>) {
    for field in fields {
        // A bound would hide from the compiler what the field is archived as.
        field.attrs.push(parse_quote!(#[rkyv(omit_bounds)]));
        let is_text = matches!(&field.ty, Type::Reference(reference)
            if matches!(&*reference.elem, Type::Path(path) if path.path.is_ident("str")));
        let ty = &field.ty;
        if is_text {
            bounds.push(
                quote!(::thalweg::record::Text: ::thalweg::rkyv::with::SerializeWith<#ty, __S>),
            );
            field.attrs.push(parse_quote!(#[rkyv(with = ::thalweg::record::Text)]));
        } else {
            bounds.push(quote!(#ty: ::thalweg::rkyv::Serialize<__S>));
        }
    }
}
