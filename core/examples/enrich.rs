//! Prices from a service that takes its time: three articles are asked about at once, and results keep the order of the articles.
//!
//! The service is a thread with a queue, as a client with callbacks would be; whoever has an async one returns its future instead of the promise's.
//!
//! ```text
//! pears cost 120
//! plums cost 90
//! grapes cost 310
//! nobody knows what medlars cost: it is not in the list
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it found")]
#![expect(clippy::disallowed_methods, reason = "the service has a thread of its own")]

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use thalweg::operator::{Promise, promise};
use thalweg::prelude::*;

/// What is asked, and who waits for it.
type Question = (Str, Promise<u64>);

/// A service that answers the question that came last first.
fn service() -> Sender<Question> {
    let (tx, rx) = channel::<Question>();
    thread::spawn(move || {
        while let Ok(first) = rx.recv() {
            thread::sleep(Duration::from_millis(1));
            let mut questions: Vec<Question> = [first].into_iter().chain(rx.try_iter()).collect();
            while let Some((article, promise)) = questions.pop() {
                match &*article {
                    "pears" => promise.keep(120),
                    "plums" => promise.keep(90),
                    "grapes" => promise.keep(310),
                    _ => promise.fail("it is not in the list"),
                }
            }
        }
    });
    tx
}

fn prices(t: &mut Topology, service: &Sender<Question>) -> Result<()> {
    let service = service.clone();
    let articles = ["pears", "plums", "medlars", "grapes"].map(Str::from);
    let Guarded { stream, dead } = t
        .source("articles", Items::of(articles))
        .without_event_time()
        .async_map(move |article: &Rec<Str>| {
            let (article, (promise, price)) = (article.to_value(), promise());
            // If the service is gone, so is the promise, and the reply is an error.
            drop(service.send((article.clone(), promise)));
            async move { Ok((article, price.await?)) }
        })
        .capacity(3)
        .timeout(5.secs())
        .retry(2)
        .or_dead_letter("prices");
    stream.for_each("known", |priced, _| {
        let (article, price) = priced.to_value();
        println!("{article} cost {price}");
    });
    dead.for_each("unknown", |letter, _| {
        let article = letter.decode::<Str>().unwrap_or_default();
        println!("nobody knows what {article} cost: {}", letter.error());
    });
    Ok(())
}

fn main() -> Result<()> {
    let service = service();
    Engine::builder().build().run("prices", move |t| prices(t, &service)).map(drop)
}
