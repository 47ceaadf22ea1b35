//! Which server takes the next session.
//!
//! Pure: the counters of the servers come in as [`Candidate`]s, an index goes out. Whoever asks
//! ([`Backend`](crate::backend)) advances the `pass` of the chosen one by its [`stride`].
//!
//! Round robin is stride scheduling: a server's `pass` is the virtual time it has been served so
//! far, a session costs 1/weight of it, and the server that lags behind most is next. Servers of
//! equal weight take strict turns, a heavy one is spread between the light ones, and the state is
//! one integer per server, which all threads advance without a lock.

use crate::config::Balance;
use crate::health::Health;

/// What the choice depends on, for one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Only a server that is up is chosen.
    pub(crate) health: Health,
    /// Set when this session has failed to reach the server already.
    pub(crate) tried: bool,
    /// Its share, 1 to 256.
    pub(crate) weight: u16,
    /// Sessions on it now, those that are being connected included.
    pub(crate) sessions: usize,
    /// Virtual time it has been served for, in units of [`STRIDE`].
    pub(crate) pass: u64,
}

/// Virtual time that one session takes of a server of weight 1. Large, so that dividing it by a
/// weight loses nothing that matters; small enough for 2^40 sessions before a `pass` wraps.
pub(crate) const STRIDE: u64 = 1 << 24;

/// Virtual time that one session takes of a server of this weight.
pub(crate) fn stride(weight: u16) -> u64 {
    STRIDE / u64::from(weight.max(1))
}

/// Index of the server that takes the next session, if any can.
pub(crate) fn pick(
    balance: Balance,
    candidates: impl IntoIterator<Item = Candidate>,
) -> Option<usize> {
    candidates
        .into_iter()
        .enumerate()
        .filter(|(_, candidate)| candidate.health == Health::Up && !candidate.tried)
        .min_by_key(|(_, candidate)| match balance {
            Balance::RoundRobin => (0, turn(candidate)),
            Balance::LeastConnections => (load(candidate), turn(candidate)),
        })
        .map(|(index, _)| index)
}

/// The middle of the server's next session in virtual time: taking the middle instead of the start
/// is what spreads a heavy server between the light ones.
fn turn(candidate: &Candidate) -> u64 {
    candidate.pass.saturating_add(stride(candidate.weight) / 2)
}

/// Sessions per weight once it has taken this one. The scale keeps the division exact enough to
/// tell apart any two weights up to a million sessions.
fn load(candidate: &Candidate) -> u128 {
    const SCALE: u128 = 1 << 64;
    (candidate.sessions as u128 + 1) * SCALE / u128::from(candidate.weight.max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn up(weight: u16) -> Candidate {
        Candidate { health: Health::Up, tried: false, weight, sessions: 0, pass: 0 }
    }

    /// Picks `count` times by round robin, as a backend does.
    fn rounds(candidates: &mut [Candidate], count: usize) -> Vec<usize> {
        (0..count)
            .map(|_| {
                let chosen = pick(Balance::RoundRobin, candidates.iter().copied()).unwrap();
                candidates[chosen].pass += stride(candidates[chosen].weight);
                chosen
            })
            .collect()
    }

    #[test]
    fn equal_servers_take_strict_turns() {
        assert_eq!(rounds(&mut [up(1), up(1), up(1)], 7), [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn a_heavy_server_is_spread_between_the_light_ones() {
        assert_eq!(rounds(&mut [up(4), up(1), up(1)], 6), [0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn nobody_is_picked_when_nobody_can_serve() {
        for health in [Health::Probing, Health::Down] {
            let candidate = Candidate { health, ..up(1) };
            assert_eq!(pick(Balance::RoundRobin, [candidate]), None);
        }
        assert_eq!(pick(Balance::RoundRobin, [Candidate { tried: true, ..up(1) }]), None);
        assert_eq!(pick(Balance::RoundRobin, []), None);
    }

    #[test]
    fn least_connections_weighs_and_takes_turns_among_equals() {
        let busy = |weight, sessions, pass| Candidate { sessions, pass, ..up(weight) };
        let pick = |candidates: &[Candidate]| {
            pick(Balance::LeastConnections, candidates.iter().copied()).unwrap()
        };
        assert_eq!(pick(&[busy(1, 2, 0), busy(1, 1, 0)]), 1);
        assert_eq!(pick(&[busy(1, 2, 0), busy(4, 5, 0)]), 1);
        assert_eq!(pick(&[busy(1, 1, STRIDE), busy(1, 1, 0)]), 1);
    }

    fn any_health() -> impl Strategy<Value = Health> {
        prop_oneof![Just(Health::Up), Just(Health::Down), Just(Health::Probing)]
    }

    fn any_balance() -> impl Strategy<Value = Balance> {
        prop_oneof![Just(Balance::RoundRobin), Just(Balance::LeastConnections)]
    }

    prop_compose! {
        fn any_candidate()(
            health in any_health(), tried: bool, weight in 1u16..=256,
            sessions in 0usize..1000, pass in 0..STRIDE * 1000,
        ) -> Candidate {
            Candidate { health, tried, weight, sessions, pass }
        }
    }

    proptest! {
        #[test]
        fn the_picked_one_can_serve(
            balance in any_balance(),
            candidates in prop::collection::vec(any_candidate(), 0..12),
        ) {
            let able = |c: &Candidate| c.health == Health::Up && !c.tried;
            match pick(balance, candidates.iter().copied()) {
                Some(index) => prop_assert!(able(&candidates[index])),
                None => prop_assert!(!candidates.iter().any(able)),
            }
        }

        #[test]
        fn least_connections_is_minimal(
            candidates in prop::collection::vec(any_candidate(), 1..12),
        ) {
            let able = |c: &&Candidate| c.health == Health::Up && !c.tried;
            let Some(index) = pick(Balance::LeastConnections, candidates.iter().copied()) else {
                return Ok(());
            };
            let chosen = candidates[index];
            for other in candidates.iter().filter(able) {
                // Cross-multiplied, so that this knows nothing of the scale above.
                let ours = (chosen.sessions as u64 + 1) * u64::from(other.weight);
                let theirs = (other.sessions as u64 + 1) * u64::from(chosen.weight);
                prop_assert!(ours <= theirs);
            }
        }

        /// The bound of every divisor method: half a session, and half of one's own share of the
        /// rounding of all the others.
        #[test]
        fn weights_are_respected_at_every_moment(
            weights in prop::collection::vec(1u16..=256, 1..8),
            count in 1usize..2000,
        ) {
            let mut candidates: Vec<_> = weights.iter().map(|weight| up(*weight)).collect();
            let total: f64 = weights.iter().copied().map(f64::from).sum();
            let mut served = vec![0u32; weights.len()];
            for (picks, chosen) in (1u32..).zip(rounds(&mut candidates, count)) {
                served[chosen] += 1;
                let share = f64::from(weights[chosen]) / total;
                let error = (f64::from(served[chosen]) - f64::from(picks) * share).abs();
                let bound = 0.5 + share * weights.len() as f64 / 2.0 + 0.01;
                prop_assert!(error <= bound, "server {chosen}: off by {error}, bound {bound}");
            }
        }
    }
}
