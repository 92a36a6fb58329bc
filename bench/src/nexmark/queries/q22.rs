//! q22: bids with the directories of their url.
//!
//! ```sql
//! SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3), SPLIT_INDEX(url, '/', 4), SPLIT_INDEX(url, '/', 5) FROM bid
//! ```

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::Input;

/// A row of the result.
#[record]
struct Directories {
    auction: u64,
    bidder: u64,
    price: u64,
    channel: Str,
    directories: [Option<Str>; 3],
}

/// The fourth, fifth and sixth part between slashes, as far as they are there.
fn directories(url: &str) -> [Option<Str>; 3] {
    let mut parts = url.split('/').skip(3).map(Str::from);
    [(); 3].map(|()| parts.next())
}

pub(super) fn build(input: Input, out: &Outlet) {
    out.rows(input.events.filter_map(|event| {
        let bid = event.bid()?;
        Some(Directories {
            auction: bid.auction(),
            bidder: bid.bidder(),
            price: bid.price(),
            channel: bid.channel().into(),
            directories: directories(bid.url()),
        })
    }));
}

impl Row for Directories {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.bidder).number(self.price).text(&self.channel);
        for directory in &self.directories {
            line.maybe(directory.as_deref());
        }
        line.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_not_there_are_missing_and_empty_ones_are_empty() {
        assert_eq!(
            directories("https://host/a//c/d"),
            [Some("a".into()), Some("".into()), Some("c".into())]
        );
        assert_eq!(directories("https://host/a"), [Some("a".into()), None, None]);
        assert_eq!(directories(""), [None, None, None]);
    }
}
