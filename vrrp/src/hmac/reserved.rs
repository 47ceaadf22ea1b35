//! The numbers that a sender has to itself, whatever its clock says.

use super::Sequence;

/// What a sender knows of the sequences that it used in earlier lives, and in how many it may be followed by another.
/// By default nothing: then its clock alone decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// What was used before is no newer than this.
    pub after: Option<Sequence>,
    /// The clock is followed so far. Beyond, sequences only count up: of a later one the next life would not know.
    pub until: Option<Sequence>,
}

impl Reserved {
    /// The sequence to use after `last`, the last one of this life, when the clock says `clock`.
    #[must_use]
    pub fn next(self, last: Option<Sequence>, clock: Sequence) -> Sequence {
        let newest = [last, self.after].into_iter().flatten().reduce(Sequence::newer);
        let is_ours = self.until.is_none_or(|until| !clock.is_after(until));
        match newest {
            Some(newest) if is_ours => newest.next(clock),
            Some(newest) => newest.next(newest),
            None => clock,
        }
    }
}
