//! The auction house, into parts and files on a real disk.

use std::fs;
use std::path::Path;

use thalweg::control::EngineBuilder;
use thalweg::prelude::*;
use thalweg_tests::bids::{Auctions, Texts, bids};

use super::text;
use crate::arguments::Child;

fn auctions(child: &Child) -> Auctions {
    let roll = match child.seed % 3 {
        0 => Roll::at_checkpoints(),
        1 => Roll::at_bytes(20_000),
        _ => Roll::at_bytes(100_000).or_at_checkpoints(),
    };
    Auctions { seed: child.seed, bids: 60_000, auctions: 500, roll }
}

pub(super) fn run(engine: EngineBuilder, child: &Child) -> Result<()> {
    let (auctions, output) = (auctions(child), child.output());
    engine.build().run("bids", move |t| bids(t, &auctions, &output)).map(drop)
}

pub(super) fn check(child: &Child) -> Result<(), String> {
    let mut written = Texts::new();
    read(&child.output(), "", &mut written)?;
    auctions(child).check(&written)
}

fn read(folder: &Path, prefix: &str, into: &mut Texts) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type().map_err(failed)?.is_dir() {
            true => read(&entry.path(), &format!("{name}/"), into)?,
            false => drop(into.insert(name, text(&entry.path())?)),
        }
    }
    Ok(())
}
