//! What `#[record]` writes: derives, `Field`, `Record`, `Timed`, `Keyed` and the reading methods.
//!
//! The less the better: each line here is compiled once per record type of each user.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DataEnum, DeriveInput, Error, Expr, ExprLit, Fields, Generics, Ident, Lit,
    Path, Result, Token, Type, Visibility, parse_quote, parse2,
};

use crate::attributes::{Arguments, Ids, Marks};
use crate::diagnostics::{Errors, check_generics, check_type};

/// The item with everything added; with a compile error, the bare item and the error.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut item: DeriveInput = match parse2(item) {
        Ok(item) => item,
        Err(_) => {
            let error =
                Error::new(Span::call_site(), "a record is a struct with named fields, or an enum");
            return error.into_compile_error();
        }
    };
    // `read` has removed the marks also when it fails: then the compiler does not complain about
    // them, nor about a type that is missing.
    match read(arguments, &mut item) {
        Ok(model) => {
            let generated = model.generate(&item);
            let derives = &model.derives;
            quote! { #derives #item #generated }
        }
        Err(error) => {
            let error = error.into_compile_error();
            quote! { #item #error }
        }
    }
}

/// What is known about the item after reading it.
struct Model {
    derives: TokenStream,
    debug: bool,
    upgrade: bool,
    shape: Shape,
}

enum Shape {
    Struct(Vec<FieldModel>),
    Enum(Vec<VariantModel>),
}

struct FieldModel {
    /// `origin`, or `0`.
    member: syn::Member,
    name: String,
    id: u32,
    ty: Type,
    vis: Visibility,
    docs: Vec<Attribute>,
    marks: Marks,
}

struct VariantModel {
    ident: Ident,
    id: u32,
    tag: u8,
    fields: Vec<FieldModel>,
}

fn read(arguments: TokenStream, item: &mut DeriveInput) -> Result<Model> {
    let mut errors = Errors::default();
    let arguments = Punctuated::<Path, Token![,]>::parse_terminated
        .parse2(arguments)
        .and_then(|paths| Arguments::parse(&paths));
    let arguments = errors.keep(arguments);
    errors.keep(check_generics(&item.generics));
    let shape = match &mut item.data {
        Data::Struct(data) => match &mut data.fields {
            Fields::Named(_) => Some(Shape::Struct(read_fields(&mut data.fields, &mut errors))),
            Fields::Unnamed(_) | Fields::Unit => {
                let error = "a record has named fields: write `struct Name { field: Type }`";
                errors.keep::<()>(Err(Error::new(item.ident.span(), error)));
                None
            }
        },
        Data::Enum(data) => Some(Shape::Enum(read_variants(data, &mut errors))),
        Data::Union(data) => {
            let error = "a union cannot be a record, because its archive would not say what it holds: use an enum";
            errors.keep::<()>(Err(Error::new(data.union_token.span, error)));
            None
        }
    };
    let derived = errors.keep(Arguments::derived_by_user(&item.attrs));
    if let Some(shape) = &shape {
        check_marks(shape, &mut errors);
    }
    errors.finish()?;
    let (Some(arguments), Some(derived), Some(shape)) = (arguments, derived, shape) else {
        unreachable!("what is missing left an error");
    };
    // A derived `Debug` of the user's serves the archive as well.
    let debug = arguments.debug || derived.iter().any(|name| name == "Debug");
    let upgrade = arguments.upgrade;
    Ok(Model { derives: derives(&arguments, &derived), debug, upgrade, shape })
}

fn read_fields(fields: &mut Fields, errors: &mut Errors) -> Vec<FieldModel> {
    let mut ids = Ids::default();
    let members: Vec<_> = fields.members().collect();
    let mut models = Vec::new();
    for (field, member) in fields.iter_mut().zip(members) {
        let marks = errors.keep(Marks::take(&mut field.attrs)).unwrap_or_default();
        errors.keep(check_type(&field.ty));
        let (name, id, span) = match &member {
            syn::Member::Named(ident) => {
                let name = ident.unraw().to_string();
                let (id, span) = marks.id(&name, ident.span());
                (name, id, span)
            }
            // Fields without a name are what they are by position.
            syn::Member::Unnamed(index) => (index.index.to_string(), index.index, field.ty.span()),
        };
        errors.keep(ids.claim(id, &name, span));
        let docs = field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
        models.push(FieldModel {
            member,
            name,
            id,
            ty: field.ty.clone(),
            vis: field.vis.clone(),
            docs: docs.cloned().collect(),
            marks,
        });
    }
    models
}

fn read_variants(data: &mut DataEnum, errors: &mut Errors) -> Vec<VariantModel> {
    let mut ids = Ids::default();
    let mut next_tag = Some(0);
    let mut models = Vec::new();
    for variant in &mut data.variants {
        let marks = errors.keep(Marks::take(&mut variant.attrs)).unwrap_or_default();
        if let Some(span) = marks.key.or(marks.event_time) {
            errors
                .keep::<()>(Err(Error::new(span, "mark a field of the variant, not the variant")));
        }
        let name = variant.ident.unraw().to_string();
        let (id, span) = marks.id(&name, variant.ident.span());
        errors.keep(ids.claim(id, &name, span));
        if let Some((_, value)) = &variant.discriminant {
            next_tag = literal(value);
        }
        let span =
            variant.discriminant.as_ref().map_or(variant.ident.span(), |(_, value)| value.span());
        let tag = errors.keep(next_tag.ok_or_else(|| {
            Error::new(span, "an archive has one byte for the variant: the discriminant is a literal from 0 to 255")
        }));
        next_tag = tag.and_then(|tag: u8| tag.checked_add(1));
        let fields = read_fields(&mut variant.fields, errors);
        models.push(VariantModel {
            ident: variant.ident.clone(),
            id,
            tag: tag.unwrap_or(0),
            fields,
        });
    }
    if models.is_empty() {
        errors.keep::<()>(Err(Error::new(
            data.brace_token.span.join(),
            "an enum without variants has no values",
        )));
    }
    models
}

fn literal(value: &Expr) -> Option<u8> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse().ok(),
        _ => None,
    }
}

/// Refuses marks that contradict each other.
fn check_marks(shape: &Shape, errors: &mut Errors) {
    let mut at_most_one = |spans: Vec<Span>, error: &str| {
        for span in spans.into_iter().skip(1) {
            errors.keep::<()>(Err(Error::new(span, error)));
        }
    };
    let times =
        |fields: &[FieldModel]| fields.iter().filter_map(|field| field.marks.event_time).collect();
    let keys = |fields: &[FieldModel]| {
        fields.iter().filter_map(|field| field.marks.key).collect::<Vec<_>>()
    };
    match shape {
        Shape::Struct(fields) => {
            at_most_one(times(fields), "a record has at most one `#[event_time]`");
            at_most_one(
                keys(fields),
                "a record has at most one `#[key]`: a key of several fields is a tuple in `key_by`",
            );
        }
        Shape::Enum(variants) => {
            for variant in variants {
                at_most_one(times(&variant.fields), "a variant has at most one `#[event_time]`");
            }
            for span in variants.iter().flat_map(|variant| keys(&variant.fields)) {
                errors.keep::<()>(Err(Error::new(span, "an enum has no `#[key]`: use `key_by`")));
            }
            if variants.iter().any(|variant| variant.event_time().is_some())
                && let Some(without) =
                    variants.iter().find(|variant| variant.event_time().is_none())
            {
                let error = "this variant has no `#[event_time]`, but others have: all have one or none has";
                errors.keep::<()>(Err(Error::new(without.ident.span(), error)));
            }
        }
    }
}

/// The attributes above the item.
fn derives(arguments: &Arguments, derived: &[String]) -> TokenStream {
    let wanted =
        |wanted: bool, name: &str| wanted && !derived.iter().any(|derived| derived == name);
    let mut traits = Vec::new();
    if wanted(arguments.clone, "Clone") {
        traits.push(quote!(::core::clone::Clone));
    }
    if wanted(arguments.debug, "Debug") {
        traits.push(quote!(::core::fmt::Debug));
    }
    if wanted(arguments.partial_eq, "PartialEq") {
        traits.push(quote!(::core::cmp::PartialEq));
    }
    let serde = arguments.serde.then(|| {
        quote! {
            #[derive(::thalweg::serde::Serialize, ::thalweg::serde::Deserialize)]
            #[serde(crate = "::thalweg::serde")]
        }
    });
    quote! {
        #[derive(
            ::thalweg::rkyv::Archive, ::thalweg::rkyv::Serialize, ::thalweg::rkyv::Deserialize, #(#traits),*
        )]
        #[rkyv(crate = ::thalweg::rkyv)]
        #serde
    }
}

impl VariantModel {
    fn event_time(&self) -> Option<&FieldModel> {
        self.fields.iter().find(|field| field.marks.event_time.is_some())
    }
}

impl FieldModel {
    /// `FieldSchema::new::<Str>(1, "origin")`.
    fn schema(&self) -> TokenStream {
        let Self { ty, id, name, .. } = self;
        let default = self.marks.default.as_ref().map(|_| quote!(.with_default()));
        quote!(::thalweg::record::FieldSchema::new::<#ty>(#id, #name) #default)
    }

    /// `origin: fields.take(1)?`.
    fn taken(&self) -> TokenStream {
        let Self { member, id, .. } = self;
        match &self.marks.default {
            None => quote!(#member: fields.take(#id)?),
            Some(default) => quote!(#member: fields.take_or(#id, || #default)?),
        }
    }

    /// `<Str as Field>::ALIGN`, where the compiler points at the type if it is no `Field`.
    fn align(&self) -> TokenStream {
        let ty = &self.ty;
        quote_spanned!(ty.span()=> <#ty as ::thalweg::record::Field>::ALIGN)
    }

    /// The method that reads the field of an archive.
    fn accessor(&self) -> TokenStream {
        let Self { ty, vis, member, name, docs, .. } = self;
        let doc = format!("Reads `{name}`.");
        quote! {
            #[doc = #doc]
            #[doc = ""]
            #(#docs)*
            #[inline]
            #vis fn #member(&self) -> <#ty as ::thalweg::record::Field>::View<'_> {
                <#ty as ::thalweg::record::Field>::view(&self.#member)
            }
        }
    }

    /// The event time in the archived field `place`. The span makes the compiler point at the
    /// field's type if it has none.
    fn time(&self, place: &TokenStream) -> TokenStream {
        let ty = &self.ty;
        quote_spanned!(ty.span()=> <#ty as ::thalweg::record::Timed>::time(#place))
    }
}

impl Model {
    fn fields(&self) -> Vec<&FieldModel> {
        match &self.shape {
            Shape::Struct(fields) => fields.iter().collect(),
            Shape::Enum(variants) => variants.iter().flat_map(|variant| &variant.fields).collect(),
        }
    }

    fn generate(&self, item: &DeriveInput) -> TokenStream {
        let name = &item.ident;
        let archived = format_ident!("Archived{}", name.unraw());
        let generics = self.bound(&item.generics);
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        let text = name.unraw().to_string();
        let aligns = self.fields().into_iter().map(FieldModel::align);
        let field_type = self.field_type(&text);
        let from_value = self.of_value();

        let mut out = quote! {
            #[automatically_derived]
            impl #impl_generics ::thalweg::record::Field for #name #ty_generics #where_clause {
                const ALIGN: usize = ::thalweg::record::largest(&[
                    ::core::mem::align_of::<#archived #ty_generics>(),
                    #(#aligns,)*
                ]);
                type View<'a> = &'a #archived #ty_generics;

                fn field_type() -> ::thalweg::record::FieldType {
                    #field_type
                }

                #[inline]
                fn view(archived: &Self::Archived) -> &Self::Archived {
                    archived
                }

                fn from_value(
                    value: ::thalweg::record::Value,
                ) -> ::core::result::Result<Self, ::thalweg::record::OtherType> {
                    #from_value
                }

                fn implemented_by_the_record_attribute() {}
            }
        };

        let time = self.time(&archived);
        let (has_event_time, event_time) = match &time {
            Some(_) => (
                true,
                quote!(::core::option::Option::Some(<Self as ::thalweg::record::Timed>::time(
                    archived
                ))),
            ),
            None => (
                false,
                quote!({
                    let _ = archived;
                    ::core::option::Option::None
                }),
            ),
        };
        out.extend(quote! {
            #[automatically_derived]
            impl #impl_generics ::thalweg::record::Record for #name #ty_generics #where_clause {
                const NAME: &'static str = #text;
                const HAS_EVENT_TIME: bool = #has_event_time;

                #[inline]
                fn event_time(archived: &Self::Archived) -> ::core::option::Option<::thalweg::time::EventTime> {
                    #event_time
                }
            }
        });
        if let Some(time) = time {
            out.extend(quote! {
                #[automatically_derived]
                impl #impl_generics ::thalweg::record::Timed for #name #ty_generics #where_clause {
                    #[inline]
                    fn time(archived: &Self::Archived) -> ::thalweg::time::EventTime {
                        #time
                    }
                }
            });
        }
        if let Shape::Struct(fields) = &self.shape {
            if let Some(key) = fields.iter().find(|field| field.marks.key.is_some()) {
                let FieldModel { ty, member, .. } = key;
                out.extend(quote! {
                    #[automatically_derived]
                    impl #impl_generics ::thalweg::record::Keyed for #name #ty_generics #where_clause {
                        type Key = #ty;

                        #[inline]
                        fn key(archived: &Self::Archived) -> &<#ty as ::thalweg::rkyv::Archive>::Archived {
                            &archived.#member
                        }
                    }
                });
            }
            let accessors = fields.iter().map(FieldModel::accessor);
            out.extend(quote! {
                #[allow(dead_code, reason = "not every field of a record is read in this form")]
                impl #impl_generics #archived #ty_generics #where_clause {
                    #(#accessors)*
                }
            });
        }
        if self.debug {
            let mut generics = generics.clone();
            if !generics.params.is_empty() {
                generics
                    .make_where_clause()
                    .predicates
                    .push(parse_quote!(#name #ty_generics: ::core::fmt::Debug));
            }
            let (_, _, where_clause) = generics.split_for_impl();
            out.extend(quote! {
                #[automatically_derived]
                impl #impl_generics ::core::fmt::Debug for #archived #ty_generics #where_clause {
                    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        ::thalweg::record::debug_archived::<#name #ty_generics>(self, f)
                    }
                }
            });
        }
        out
    }

    /// The item's generics, with each field's type bound to be a field if any type is a parameter.
    fn bound(&self, generics: &Generics) -> Generics {
        let mut generics = generics.clone();
        if generics.type_params().next().is_some() {
            let parameters: Vec<_> =
                generics.type_params().map(|parameter| parameter.ident.clone()).collect();
            let predicates = &mut generics.make_where_clause().predicates;
            for parameter in parameters {
                predicates.push(parse_quote!(#parameter: 'static));
            }
            for FieldModel { ty, .. } in self.fields() {
                predicates.push(parse_quote!(#ty: ::thalweg::record::Field));
            }
        }
        generics
    }

    /// The body of `Field::field_type`.
    fn field_type(&self, name: &str) -> TokenStream {
        let upgrading =
            self.upgrade.then(|| quote!(.upgrading::<<Self as ::thalweg::record::Upgrade>::Old>()));
        match &self.shape {
            Shape::Struct(fields) => {
                let fields = fields.iter().map(FieldModel::schema);
                quote!(::thalweg::record::FieldType::new_struct::<Self>(#name, ::std::vec![#(#fields),*]) #upgrading)
            }
            Shape::Enum(variants) => {
                let variants = variants.iter().map(|VariantModel { ident, id, tag, fields }| {
                    let name = ident.unraw().to_string();
                    let fields = fields.iter().map(FieldModel::schema);
                    quote!(::thalweg::record::VariantSchema::new(#id, #name, #tag, ::std::vec![#(#fields),*]))
                });
                quote!(::thalweg::record::FieldType::new_enum::<Self>(#name, ::std::vec![#(#variants),*]) #upgrading)
            }
        }
    }

    /// The body of `Field::from_value`.
    fn of_value(&self) -> TokenStream {
        let upgrade = self.upgrade.then(|| {
            quote! {
                let value = match ::thalweg::record::upgraded::<Self>(value)? {
                    ::core::result::Result::Ok(upgraded) => return ::core::result::Result::Ok(upgraded),
                    ::core::result::Result::Err(value) => value,
                };
            }
        });
        let body = match &self.shape {
            Shape::Struct(fields) => {
                let taken = fields.iter().map(FieldModel::taken);
                quote! {
                    let mut fields = value.into_fields()?;
                    let _ = &mut fields;
                    ::core::result::Result::Ok(Self { #(#taken,)* })
                }
            }
            Shape::Enum(variants) => {
                let arms = variants.iter().map(|VariantModel { ident, id, fields, .. }| {
                    let taken = fields.iter().map(FieldModel::taken);
                    quote!(#id => ::core::result::Result::Ok(Self::#ident { #(#taken,)* }),)
                });
                quote! {
                    let (variant, mut fields) = value.into_variant()?;
                    let _ = &mut fields;
                    match variant {
                        #(#arms)*
                        _ => ::core::result::Result::Err(::thalweg::record::OtherType),
                    }
                }
            }
        };
        quote!(#upgrade #body)
    }

    /// The body of `Timed::time`, if the record has an event time.
    fn time(&self, archived: &Ident) -> Option<TokenStream> {
        match &self.shape {
            Shape::Struct(fields) => {
                let field = fields.iter().find(|field| field.marks.event_time.is_some())?;
                let member = &field.member;
                Some(field.time(&quote!(&archived.#member)))
            }
            Shape::Enum(variants) => {
                let arms = variants.iter().map(|variant| {
                    let field = variant.event_time()?;
                    let (ident, member) = (&variant.ident, &field.member);
                    let time = field.time(&quote!(time));
                    // Members may be numbers in a pattern too, so tuple variants need no other arm.
                    Some(quote!(#archived::#ident { #member: time, .. } => #time,))
                });
                let arms = arms.collect::<Option<Vec<_>>>()?;
                Some(quote!(match archived { #(#arms)* }))
            }
        }
    }
}
