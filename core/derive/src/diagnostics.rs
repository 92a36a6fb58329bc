//! What cannot be a record, said at the place and with what to do instead.
//!
//! The compiler would refuse most of it too, but about code that the user did not write.

use syn::spanned::Spanned;
use syn::{Error, GenericArgument, GenericParam, Generics, PathArguments, Result, Type};

/// Refuses types that no field can have.
pub(crate) fn check_type(ty: &Type) -> Result<()> {
    match ty {
        Type::Reference(reference) => Err(Error::new_spanned(
            reference,
            "a record owns its data: use `Str` for `&str`, `Vec<T>` for `&[T]`, `T` for `&T`",
        )),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return Ok(()) };
            let advice = match last.ident.to_string().as_str() {
                "usize" => "its width depends on the machine: use `u64` or `u32`",
                "isize" => "its width depends on the machine: use `i64` or `i32`",
                "u128" | "i128" => "records are aligned to 8 bytes: use two `u64`, or `[u8; 16]`",
                _ => return check_arguments(&last.arguments),
            };
            // A type of the user's own may bear such a name, but not without a path.
            if path.qself.is_none() && path.path.get_ident().is_some() {
                return Err(Error::new_spanned(
                    ty,
                    format!("`{}` cannot be a field of a record: {advice}", last.ident),
                ));
            }
            Ok(())
        }
        Type::Tuple(tuple) => tuple.elems.iter().try_for_each(check_type),
        Type::Array(array) => check_type(&array.elem),
        Type::Slice(slice) => Err(Error::new_spanned(
            slice,
            "a slice has no size: use `Vec<T>`, or an array `[T; N]`",
        )),
        Type::Paren(paren) => check_type(&paren.elem),
        Type::Group(group) => check_type(&group.elem),
        Type::Ptr(_) | Type::BareFn(_) | Type::TraitObject(_) | Type::ImplTrait(_) => {
            Err(Error::new_spanned(
                ty,
                "only data can be a field of a record: this has no archived form",
            ))
        }
        _ => Ok(()),
    }
}

fn check_arguments(arguments: &PathArguments) -> Result<()> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return Ok(()) };
    arguments.args.iter().try_for_each(|argument| match argument {
        GenericArgument::Type(ty) => check_type(ty),
        _ => Ok(()),
    })
}

/// Refuses lifetimes: a record is stored, and outlives what it would borrow from.
pub(crate) fn check_generics(generics: &Generics) -> Result<()> {
    for parameter in &generics.params {
        if let GenericParam::Lifetime(lifetime) = parameter {
            return Err(Error::new(
                lifetime.span(),
                "a record owns its data and has no lifetimes: use `Str` for `&str`",
            ));
        }
    }
    Ok(())
}

/// Collects errors, so that one run of the compiler shows all of them.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    /// The value, or `None` and the error is kept.
    pub(crate) fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(new) => {
                match &mut self.0 {
                    None => self.0 = Some(new),
                    Some(error) => error.combine(new),
                }
                None
            }
        }
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
