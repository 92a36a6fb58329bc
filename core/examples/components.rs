//! Which towns hang together by roads: each tells its neighbours the first of all names that it has heard of, round and round, until nobody hears anything new.
//!
//! ```text
//! Bergen: Bergen
//! Bodo: Bodo
//! Narvik: Bodo
//! Oslo: Bergen
//! Tromso: Bodo
//! Voss: Bergen
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::collections::BTreeMap;

use thalweg::prelude::*;

#[record]
struct Word {
    town: Str,
    /// A name that it is told of.
    name: Str,
}

const ROADS: [(&str, &str); 5] = [
    ("Oslo", "Voss"),
    ("Voss", "Bergen"),
    ("Narvik", "Tromso"),
    ("Narvik", "Bodo"),
    ("Bodo", "Tromso"),
];

fn neighbours(town: &str) -> impl Iterator<Item = &'static str> {
    ROADS.into_iter().filter_map(move |(a, b)| match town {
        _ if a == town => Some(b),
        _ if b == town => Some(a),
        _ => None,
    })
}

fn main() -> Result<()> {
    let heard = Collected::new();
    let sink = heard.clone();
    let towns = ["Bergen", "Bodo", "Narvik", "Oslo", "Tromso", "Voss"];
    Engine::builder().workers(2).build().run("components", move |t| {
        t.source("towns", Items::of(towns.map(Str::from)))
            .without_event_time()
            .map(|town: &Rec<Str>| Word { town: town.to_value(), name: town.to_value() })
            .iterate("until nothing is new", |words| {
                let new = words.key_by(|word| word.town()).filter_map_with_state(
                    "heard",
                    |first: &mut Str, word: &Rec<Word>| {
                        let is_new = first.is_empty() || *word.name() < **first;
                        is_new.then(|| {
                            *first = word.name().into();
                            word.to_value()
                        })
                    },
                );
                let again = new.clone().flat_map(|word, out| {
                    for town in neighbours(word.town()) {
                        out.emit(&Word { town: town.into(), name: word.name().into() });
                    }
                });
                (again, new)
            })
            .sink("new", sink.sink());
        Ok(())
    })?;
    // The last word of each town is the first of the names.
    let mut first = BTreeMap::<Str, Str>::new();
    for Word { town, name } in heard.take() {
        let known = first.entry(town).or_insert_with(|| name.clone());
        *known = name.min(known.clone());
    }
    first.iter().for_each(|(town, name)| println!("{town}: {name}"));
    Ok(())
}
