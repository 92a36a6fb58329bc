//! The channels that bids come through, with their urls.
//!
//! Half of the bids come through any of ten thousand channels. All names and urls lie in one text, so that they take a megabyte and not several, and the
//! most part of it stays in the L2.

use std::fmt::Write;

use super::config::CHANNELS;
use super::dice::Dice;
use super::texts::letter;

/// Channels that half of the bids come through.
pub(super) const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];

/// All channels: the hot ones, then the others.
#[derive(Debug)]
pub(super) struct Channels {
    /// The name and the url of each, one behind the other.
    text: String,
    /// Where a name begins and ends, and where the url behind it ends.
    places: Vec<[u32; 3]>,
}

impl Channels {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let mut channels = Self { text: String::new(), places: Vec::new() };
        for name in HOT_CHANNELS {
            channels.push(name, &url(dice, None));
        }
        for number in 0..u32::try_from(CHANNELS).expect("few") {
            // One in ten does not say which channel it is.
            let is_named = dice.all_but_one_in(10);
            let id = number.reverse_bits().cast_signed().unsigned_abs();
            channels.push(&format!("channel-{number}"), &url(dice, is_named.then_some(id)));
        }
        channels
    }

    fn push(&mut self, name: &str, url: &str) {
        let start = self.end();
        self.text.push_str(name);
        let middle = self.end();
        self.text.push_str(url);
        self.places.push([start, middle, self.end()]);
    }

    fn end(&self) -> u32 {
        u32::try_from(self.text.len()).expect("invariant: a megabyte")
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The name and the url of a channel.
    #[inline]
    pub(super) fn get(&self, channel: usize) -> (&str, &str) {
        let [start, middle, end] = self.places[channel].map(|place| place as usize);
        (&self.text[start..middle], &self.text[middle..end])
    }
}

/// The url of a channel.
fn url(dice: &mut Dice, channel_id: Option<u32>) -> String {
    let mut directory = || (0..3 + dice.index(2)).map(|_| letter(dice, '_')).collect::<String>();
    let (a, b, c) = (directory(), directory(), directory());
    let mut url = format!("https://www.nexmark.com/{a}/{b}/{c}/item.htm?query=1");
    if let Some(id) = channel_id {
        let _ = write!(url, "&channel_id={id}");
    }
    url
}
