//! The order of the modules of `core/src`, and who imports against it.
//!
//! A module imports from the lines above its own. Modules of one line may know each other in one
//! direction only: two that import each other are one module, or a third one is missing.

use std::collections::BTreeMap;

use crate::mentions::mentions;
use crate::tree::File;

/// One line, one layer; lower layers first.
const LAYERS: [&[&str]; 12] = [
    // Deliberate bugs for the harnesses; any module may have one.
    &["canary"],
    &["raw", "record", "time"],
    &["error", "config", "io", "metrics"],
    &["checkpoint"],
    &["state", "format", "savepoint"],
    &["source", "operator", "exchange", "window", "sink"],
    &["plan"],
    &["api"],
    &["runtime", "rt"],
    &["control"],
    // What an application imports in one line; nothing inside imports it.
    &["prelude"],
    // For tests of sources and sinks, of ours and of others.
    &["testing"],
];

/// Pairs that may import each other: pages and views are typed by the records whose bytes they hold and by their times, and all
/// `unsafe` code has to be in `raw`.
const ONE_MODULE_BUT_FOR_UNSAFE: [[&str; 2]; 3] =
    [["raw", "record"], ["raw", "time"], ["record", "time"]];

/// Files that name every module because that is their purpose.
const MAPS: [&str; 2] = ["lib", "glossary"];

/// Every import of `files` against the order, as a sentence each.
///
/// Files outside of `core/src` are passed over.
pub(crate) fn violations(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    let mut neighbours = BTreeMap::new();
    for file in files {
        let Some(module) = module_of(&file.name) else { continue };
        let own = module[0].as_str();
        if MAPS.contains(&own) {
            continue;
        }
        let Some(own_layer) = layer_of(own) else {
            found
                .push(format!("{}: give module `{own}` a line in tests/tidy/layers.rs", file.name));
            continue;
        };
        for mention in mentions(&file.production_code()) {
            let Some(target) = resolve(&module, &mention.path) else { continue };
            let Some(layer) = layer_of(&target).filter(|_| target != own) else { continue };
            let place = format!("{}:{}", file.name, mention.line);
            if layer > own_layer {
                found.push(format!(
                    "{place}: `{own}` (layer {}) imports `{target}` (layer {})",
                    own_layer + 1,
                    layer + 1
                ));
            } else if layer == own_layer {
                neighbours.entry((own.to_owned(), target)).or_insert(place);
            }
        }
    }
    for ((from, to), place) in &neighbours {
        let is_one = ONE_MODULE_BUT_FOR_UNSAFE
            .iter()
            .any(|pair| pair.contains(&from.as_str()) && pair.contains(&to.as_str()));
        let back = neighbours.get(&(to.clone(), from.clone()));
        if let Some(back) = back.filter(|_| from < to && !is_one) {
            found.push(format!("{place} and {back}: `{from}` and `{to}` import each other"));
        }
    }
    found
}

/// `core/src/exchange/inbox.rs` is `[exchange, inbox]`; `mod.rs` is its folder.
fn module_of(name: &str) -> Option<Vec<String>> {
    let path = name.strip_prefix("core/src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    Some(path.split('/').map(str::to_owned).collect())
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The top-level module that `path` leads to when `module` names it.
///
/// A `super` in an inline module counts from the file; that resolves one step too high, which
/// can hide a violation but never invents one between two files of the same module.
fn resolve(module: &[String], path: &[String]) -> Option<String> {
    let ups = path.iter().take_while(|segment| *segment == "super").count();
    match path.first()?.as_str() {
        "crate" => path.get(1).cloned(),
        "super" if ups < module.len() => Some(module[0].clone()),
        "super" => path.get(ups).cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(module: &str, path: &str) -> Option<String> {
        let path: Vec<_> = path.split("::").map(str::to_owned).collect();
        resolve(&module_of(module).unwrap(), &path)
    }

    #[test]
    fn a_path_leads_to_its_top_level_module() {
        let file = "core/src/exchange/inbox.rs";
        assert_eq!(resolved(file, "crate::record::Batch").as_deref(), Some("record"));
        assert_eq!(resolved(file, "super::mesh::Mesh").as_deref(), Some("exchange"));
        assert_eq!(resolved(file, "super::super::state::Value").as_deref(), Some("state"));
        assert_eq!(resolved("core/src/exchange/mod.rs", "super::state").as_deref(), Some("state"));
        assert_eq!(resolved(file, "std::mem"), None);
    }
}
