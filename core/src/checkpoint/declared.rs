//! Of what types a job's states are, on the way into manifests and out of them.

use std::collections::BTreeMap;

use thalweg_storage::TableName;
use thalweg_storage::checkpoint::{Manifest, SchemaRecord};

use crate::record::StateSchema;

/// How keys and values lie in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The hash of it.
    pub(crate) layout: u64,
    pub(crate) schema: StateSchema,
}

/// What stands in a manifest.
pub(crate) fn schemas_of(layouts: &BTreeMap<TableName, Declared>) -> Vec<SchemaRecord> {
    let record = |(name, declared): (&TableName, &Declared)| SchemaRecord {
        operator: name.operator.clone(),
        state: name.state.clone(),
        schema: declared.schema.to_json(),
    };
    layouts.iter().map(record).collect()
}

/// The schema of a state, if the manifest has one that can be read.
pub(crate) fn schema_in(manifest: &Manifest, name: &TableName) -> Option<StateSchema> {
    StateSchema::of_json(&manifest.schema_of(name)?.schema)
}
