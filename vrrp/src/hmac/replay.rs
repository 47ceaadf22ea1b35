//! What was heard last from whom.

use std::net::IpAddr;

use super::{HmacError, Sequence};

/// Senders that are remembered, with each of their keys. More than one box has peers: who is forgotten has been
/// silent for the longest time.
const SENDERS_MAX: usize = 32;

/// The newest sequence of each sender with each key. A new key begins anew, which frees a sender whose sequence ran
/// away with its clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Replays(Vec<Mark>);

#[derive(Clone, Copy, Debug)]
struct Mark {
    source: IpAddr,
    key: u8,
    sequence: Sequence,
}

impl Replays {
    /// Remembers a message whose HMAC is right, unless it is an old one.
    pub(super) fn advance(
        &mut self,
        source: IpAddr,
        key: u8,
        sequence: Sequence,
    ) -> Result<(), HmacError> {
        let place = self.0.iter().position(|mark| (mark.source, mark.key) == (source, key));
        if let Some(place) = place {
            if !sequence.is_after(self.0[place].sequence) {
                return Err(HmacError::Replay);
            }
            self.0.remove(place);
        } else if self.0.len() == SENDERS_MAX {
            self.0.remove(0);
        }
        // The last one is who was heard last.
        self.0.push(Mark { source, key, sequence });
        Ok(())
    }
}
