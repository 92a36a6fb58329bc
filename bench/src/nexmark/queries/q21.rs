//! q21: bids with the id of their channel.
//!
//! ```sql
//! SELECT auction, bidder, price, channel,
//!     CASE
//!         WHEN LOWER(channel) = 'apple' THEN '0'
//!         WHEN LOWER(channel) = 'google' THEN '1'
//!         WHEN LOWER(channel) = 'facebook' THEN '2'
//!         WHEN LOWER(channel) = 'baidu' THEN '3'
//!         ELSE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2)
//!     END AS channel_id
//! FROM bid
//! WHERE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) IS NOT NULL OR LOWER(channel) IN ('apple', 'google', 'facebook', 'baidu')
//! ```

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::Input;

/// A row of the result.
#[record]
struct Known {
    auction: u64,
    bidder: u64,
    price: u64,
    channel: Str,
    id: Str,
}

/// Channels whose id is their place here.
const CHANNELS: [(&str, &str); 4] =
    [("apple", "0"), ("google", "1"), ("facebook", "2"), ("baidu", "3")];

/// The id of a channel, if its name or the url says it.
fn channel_id<'a>(channel: &str, url: &'a str) -> Option<&'a str> {
    let known = CHANNELS.iter().find(|(name, _)| channel.eq_ignore_ascii_case(name));
    known.map(|(_, id)| *id).or_else(|| parameter(url))
}

/// The first `channel_id` of a url, at its start or behind a `&`.
fn parameter(url: &str) -> Option<&str> {
    url.split('&').find_map(|part| part.strip_prefix("channel_id="))
}

pub(super) fn build(input: Input, out: &Outlet) {
    out.rows(input.events.filter_map(|event| {
        let bid = event.bid()?;
        let id = channel_id(bid.channel(), bid.url())?;
        Some(Known {
            auction: bid.auction(),
            bidder: bid.bidder(),
            price: bid.price(),
            channel: bid.channel().into(),
            id: id.into(),
        })
    }));
}

impl Row for Known {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.bidder).number(self.price);
        line.text(&self.channel).text(&self.id).end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_from_the_name_or_else_from_the_url() {
        assert_eq!(channel_id("APPLE", "?a&channel_id=9"), Some("0"));
        assert_eq!(channel_id("other", "https://x/?query=1&channel_id=9&b=2"), Some("9"));
        assert_eq!(channel_id("other", "channel_id=7&channel_id=9"), Some("7"));
        assert_eq!(channel_id("other", "?a=1&channel_id="), Some(""));
        assert_eq!(channel_id("other", "?channel_id=9"), None);
    }
}
