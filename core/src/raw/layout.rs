//! How the values of a table lie, with all that is needed to make them from those of an older version.

use super::scratch::Scratch;
use crate::record::{Decoder, FieldType, Form, OtherType, Record, StateSchema, Value, keyed_hash};

/// How the values of a table lie.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    form: Form,
    value: Option<Content>,
}

/// The type of the values.
#[derive(Debug, Clone)]
struct Content {
    hash: u64,
    ty: fn() -> FieldType,
    writer: fn() -> Writer,
}

/// Writes the archive of a value.
type Writer = Box<dyn FnMut(Value, &mut Vec<u8>) -> Result<(), OtherType>>;

/// A value of a table is not what its schema says, or cannot be made one of today's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value in it is not what its schema says")]
pub(crate) struct Unreadable;

impl Layout {
    /// Archives of `V`, in this form.
    pub(crate) fn of<V: Record>(form: Form) -> Self {
        let (hash, ty) = (V::schema().layout_hash, V::field_type as fn() -> FieldType);
        Self { form, value: Some(Content { hash, ty, writer: writer::<V> }) }
    }

    /// No values.
    pub(crate) fn bare(form: Form) -> Self {
        Self { form, value: None }
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// The same, or with deadlines.
    pub(crate) fn expiring(self, expires: bool) -> Self {
        let form = match self.form {
            Form::Cells { prefix, .. } => Form::Cells { prefix, expires },
            form => form,
        };
        Self { form, ..self }
    }

    /// Different where one could not read what the other has written.
    pub(crate) fn hash(&self) -> u64 {
        self.form.hash(self.value.as_ref().map(|value| value.hash))
    }

    /// [`Self::hash`] with the keys'.
    pub(crate) fn keyed(&self, key: u64) -> u64 {
        keyed_hash(key, self.hash())
    }

    /// What is stored of it.
    pub(crate) fn schema(&self, key: FieldType) -> StateSchema {
        StateSchema { form: self.form, key, value: self.value.as_ref().map(|value| (value.ty)()) }
    }

    /// Makes values of this layout from those that lie as `old` says, which it [reads](StateSchema::reads).
    pub(crate) fn rewriter(&self, old: &StateSchema) -> Rewriter {
        let through = self.value.as_ref().zip(old.value.as_ref());
        let through = through.filter(|_| self.form != Form::Directory);
        Rewriter {
            form: self.form,
            through: through.map(|(new, old)| (Decoder::new(old), (new.writer)())),
            archive: Vec::new(),
            value: Vec::new(),
        }
    }
}

fn writer<V: Record>() -> Writer {
    let mut scratch = Scratch::<V>::default();
    Box::new(move |value, into| {
        into.extend_from_slice(scratch.archive(&V::from_value(value)?).archive());
        Ok(())
    })
}

/// Makes the values of a table from those of an older version.
pub(crate) struct Rewriter {
    form: Form,
    /// `None`: bytes stay as they are.
    through: Option<(Decoder, Writer)>,
    archive: Vec<u8>,
    value: Vec<u8>,
}

impl Rewriter {
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// The value of the table, or the item of a list, that takes the place of `old`.
    ///
    /// # Errors
    ///
    /// It is not what its schema says.
    pub(crate) fn rewrite<'a>(&'a mut self, old: &'a [u8]) -> Result<&'a [u8], Unreadable> {
        let Some((decoder, writer)) = &mut self.through else { return Ok(old) };
        let range = self.form.archive(old).ok_or(Unreadable)?;
        let value = decoder.read(&old[range]).map_err(|_| Unreadable)?;
        self.archive.clear();
        writer(value, &mut self.archive).map_err(|_| Unreadable)?;
        self.value.clear();
        self.form.put(old, &self.archive, &mut self.value);
        Ok(&self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_what_its_schema_says_is_refused_in_words() {
        let old = StateSchema {
            form: Form::Archives,
            key: <u64 as crate::record::Field>::field_type(),
            value: Some(<u32 as crate::record::Field>::field_type()),
        };
        let mut rewriter = Layout::of::<u64>(Form::Archives).rewriter(&old);
        assert_eq!(rewriter.rewrite(&7_u32.to_le_bytes()), Ok(&7_u64.to_le_bytes()[..]));
        let short = rewriter.rewrite(b"12").unwrap_err();
        assert_eq!(short.to_string(), "a value in it is not what its schema says");
    }
}
