//! What stands in for the host in a simulated run: inputs send at moments that the seed draws, outputs are received.

use std::any::Any;

use super::random::Random;
use crate::exchange::RecordedInput;
use crate::exchange::host::{AnyPlayer, Direction, HostPorts};

/// Records that a player sends or receives at a time, at most.
const MOST: u32 = 200;

/// The host's side of all ports.
pub(super) struct Players {
    /// Each with the name of its output; inputs have none.
    players: Vec<(Option<String>, Box<dyn AnyPlayer>)>,
}

impl Players {
    /// `inputs` have their values; the handles that are left get what was recorded of them, or end at once.
    pub(super) fn new(
        inputs: Vec<Box<dyn AnyPlayer>>,
        ports: HostPorts,
        recorded: &[RecordedInput],
    ) -> Self {
        let mut players: Vec<_> = inputs.into_iter().map(|player| (None, player)).collect();
        for port in ports.0 {
            let first = port.declared - port.handles.len();
            for (number, handle) in (first..).zip(port.handles) {
                let is_it =
                    |input: &&RecordedInput| input.name == port.name && input.handle == number;
                let player = handle.into_player(recorded.iter().find(is_it));
                let output = (port.direction == Direction::Output).then(|| port.name.clone());
                players.push((output, player));
            }
        }
        Self { players }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.players.is_empty()
    }

    /// One of them has a turn; true if it did something.
    pub(super) fn play(&mut self, random: &mut Random) -> bool {
        let index = random.below(self.players.len());
        let most = usize::try_from(1 + random.small(MOST)).expect("invariant: few");
        self.players[index].1.play(most)
    }

    /// All of them do what they can; true if that was anything.
    pub(super) fn play_all(&mut self) -> bool {
        self.players.iter_mut().fold(false, |any, (_, player)| player.play(usize::MAX) | any)
    }

    /// What the outputs gave.
    pub(super) fn received(self) -> Vec<(String, Box<dyn Any>)> {
        let outputs = self.players.into_iter();
        outputs.filter_map(|(name, player)| Some((name?, player.received()))).collect()
    }
}
