//! Random texts, and the channels with their urls.
//!
//! Long random texts are cut from a text that is made once, at a random place: writing each letter by itself would cost more than all else that is
//! done for an event.

use thalweg::record::Str;

use super::config::CHANNELS;
use super::dice::Dice;

/// Bytes of the text that others are cut from: it should stay in the cache.
const POOL_BYTES: usize = 1 << 15;

/// The longest text that is cut.
const LONGEST: usize = 1_024;

/// Channels that half of the bids come through.
const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];

/// What texts are made of.
#[derive(Debug)]
pub(super) struct Texts {
    /// Letters, and other characters around the capital ones, in runs of six: so the field's generators have it.
    exact: String,
    /// The hot channels, then the others.
    channels: Vec<(Str, Str)>,
}

impl Texts {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed, u64::MAX);
        let mut exact = String::new();
        while exact.len() < POOL_BYTES + LONGEST {
            let upwards = dice.below(2) == 0;
            for _ in 0..6 {
                let by = u8::try_from(dice.below(26)).expect("below 26");
                exact.push(char::from(if upwards { b'a' + by } else { b'a' - by }));
            }
        }
        let hot = HOT_CHANNELS.map(|name| (Str::from(name), url(&mut dice, None)));
        let others = (0..u32::try_from(CHANNELS).expect("few")).map(|number| {
            // One in ten does not say which channel it is.
            let named = dice.all_but_one_in(10);
            let id = number.reverse_bits().cast_signed().unsigned_abs();
            (format!("channel-{number}").into(), url(&mut dice, named.then_some(id)))
        });
        let mut channels = Vec::from(hot);
        channels.extend(others);
        Self { exact, channels }
    }

    /// One of the hot channels, with its url.
    #[inline]
    pub(super) fn hot_channel(&self, dice: &mut Dice) -> (&str, &str) {
        let (name, url) = &self.channels[dice.index(HOT_CHANNELS.len())];
        (name, url)
    }

    /// One of the others.
    #[inline]
    pub(super) fn other_channel(&self, dice: &mut Dice) -> (&str, &str) {
        let others = self.channels.len() - HOT_CHANNELS.len();
        let (name, url) = &self.channels[HOT_CHANNELS.len() + dice.index(others)];
        (name, url)
    }

    /// Fills what is left of an event of `average` bytes, of which `taken` are taken; give or take a fifth.
    #[inline]
    pub(super) fn extra(&self, dice: &mut Dice, taken: usize, average: usize) -> &str {
        let Some(rest) = average.checked_sub(taken) else { return "" };
        // A fifth, rounded.
        let spread = (rest * 2 + 5) / 10;
        let length = rest - spread + if spread > 0 { dice.index(2 * spread) } else { 0 };
        let from = dice.index(POOL_BYTES);
        &self.exact[from..from + length.min(LONGEST)]
    }
}

/// A text of letters and some spaces, of three to less than `limit` characters, without spaces around it.
pub(super) fn words(dice: &mut Dice, limit: usize, space: char) -> String {
    let length = 3 + dice.index(limit - 3);
    let letter = |dice: &mut Dice| match dice.below(13) {
        0 => space,
        _ => char::from(b'a' + u8::try_from(dice.below(26)).expect("below 26")),
    };
    let text: String = (0..length).map(|_| letter(dice)).collect();
    text.trim().to_owned()
}

/// The url of a channel.
fn url(dice: &mut Dice, channel_id: Option<u32>) -> Str {
    let [a, b, c] = [(); 3].map(|()| words(dice, 5, '_'));
    let id = channel_id.map_or(String::new(), |id| format!("&channel_id={id}"));
    format!("https://www.nexmark.com/{a}/{b}/{c}/item.htm?query=1{id}").into()
}
