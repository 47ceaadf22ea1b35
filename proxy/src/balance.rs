//! Which server takes the next session.
//!
//! Pure: the counters of the servers come in as [`Candidate`]s, an index goes out. Whoever asks
//! ([`Backend`](crate::backend)) advances the `pass` of the chosen one by its [`stride`].
//!
//! Round robin is stride scheduling: a server's `pass` is the virtual time it has been served so
//! far, a session costs 1/weight of it, and the server that lags behind most is next. Servers of
//! equal weight take strict turns, a heavy one is spread between the light ones, and the state is
//! one integer per server, which all threads advance without a lock.
//!
//! The hash of the source has no state at all, so that two boxes choose alike without a word: for each server a number
//! follows from the client's address and the server, and the highest wins.

use std::net::{IpAddr, SocketAddr};

use twox_hash::XxHash3_64;

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
    /// Set when others come first.
    pub(crate) is_backup: bool,
    /// What stands for it in the hash of a source: see [`server_key`].
    pub(crate) server_key: u64,
    /// Sessions on it now, those that are being connected included.
    pub(crate) sessions: usize,
    /// Virtual time it has been served for, in units of [`STRIDE`].
    pub(crate) pass: u64,
}

/// Virtual time that one session takes of a server of weight 1. Large, so that dividing it by a
/// weight loses nothing that matters; small enough for 2^40 sessions before a `pass` wraps.
pub(crate) const STRIDE: u64 = 1 << 24;

/// What stands for a server in the hash of a source, on every box: its name and address, so that another name moves its
/// clients.
pub(crate) fn server_key(name: &str, address: SocketAddr) -> u64 {
    XxHash3_64::oneshot(format!("{name} {address}").as_bytes())
}

/// Virtual time that one session takes of a server of this weight.
pub(crate) fn stride(weight: u16) -> u64 {
    STRIDE / u64::from(weight.max(1))
}

/// Index of the server that takes the next session, if any can. A backup does only if no other server can.
pub(crate) fn pick(
    balance: Balance,
    client: IpAddr,
    candidates: impl Iterator<Item = Candidate> + Clone,
) -> Option<usize> {
    let able = |is_backup| {
        let able = move |candidate: &Candidate| {
            candidate.health == Health::Up && !candidate.tried && candidate.is_backup == is_backup
        };
        candidates.clone().enumerate().filter(move |(_, candidate)| able(candidate))
    };
    choose(balance, client, able(false)).or_else(|| choose(balance, client, able(true)))
}

fn choose(
    balance: Balance,
    client: IpAddr,
    able: impl Iterator<Item = (usize, Candidate)> + Clone,
) -> Option<usize> {
    let chosen = match balance {
        Balance::RoundRobin => able.min_by_key(|(_, candidate)| turn(candidate)),
        Balance::LeastConnections => {
            able.min_by_key(|(_, candidate)| (load(candidate), turn(candidate)))
        }
        Balance::SourceHash => {
            let affinity = affinity_of(client);
            able.max_by(|(_, one), (_, other)| affinity(one).total_cmp(&affinity(other)))
        }
        Balance::Random => less_loaded_of_two(able),
    };
    chosen.map(|(index, _)| index)
}

/// How much a client belongs to a server: the highest wins (rendezvous hashing, by the logarithm in proportion to weights;
/// Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005).
fn affinity_of(client: IpAddr) -> impl Fn(&Candidate) -> f64 {
    let client = match client.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    move |candidate| {
        let hash = XxHash3_64::oneshot_with_seed(candidate.server_key, &client);
        // Between 0 and 1, neither included.
        let draw = ((hash >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
        f64::from(candidate.weight) / -draw.ln()
    }
}

/// Two draws do nearly as well as looking for the least loaded, and threads do not run to the same server.
fn less_loaded_of_two(
    able: impl Iterator<Item = (usize, Candidate)> + Clone,
) -> Option<(usize, Candidate)> {
    let (first, one) = draw(able.clone())?;
    let others = able.filter(|(index, _)| *index != first);
    let two = [(first, one)].into_iter().chain(draw(others));
    two.min_by_key(|(_, candidate)| load(candidate))
}

/// One of them, in proportion to their weights.
fn draw(
    candidates: impl Iterator<Item = (usize, Candidate)> + Clone,
) -> Option<(usize, Candidate)> {
    let weights = candidates.clone().map(|(_, candidate)| u64::from(candidate.weight));
    let total: u64 = weights.sum();
    let mut left = if total == 0 { 0 } else { fastrand::u64(..total) };
    candidates.into_iter().find(|(_, candidate)| {
        let weight = u64::from(candidate.weight);
        let is_drawn = left < weight;
        left = left.saturating_sub(weight);
        is_drawn
    })
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

    const BALANCES: [Balance; 4] =
        [Balance::RoundRobin, Balance::LeastConnections, Balance::SourceHash, Balance::Random];

    fn of(balance: Balance, candidates: &[Candidate]) -> Option<usize> {
        pick(balance, client(1), candidates.iter().copied())
    }

    fn up(weight: u16) -> Candidate {
        Candidate {
            health: Health::Up,
            tried: false,
            weight,
            is_backup: false,
            server_key: 0,
            sessions: 0,
            pass: 0,
        }
    }

    /// Picks `count` times by round robin, as a backend does.
    fn rounds(candidates: &mut [Candidate], count: usize) -> Vec<usize> {
        (0..count)
            .map(|_| {
                let chosen = of(Balance::RoundRobin, candidates).unwrap();
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
            assert_eq!(of(Balance::RoundRobin, &[candidate]), None);
        }
        assert_eq!(of(Balance::RoundRobin, &[Candidate { tried: true, ..up(1) }]), None);
        assert_eq!(of(Balance::RoundRobin, &[]), None);
    }

    #[test]
    fn least_connections_weighs_and_takes_turns_among_equals() {
        let busy = |weight, sessions, pass| Candidate { sessions, pass, ..up(weight) };
        let pick = |candidates: &[Candidate]| of(Balance::LeastConnections, candidates).unwrap();
        assert_eq!(pick(&[busy(1, 2, 0), busy(1, 1, 0)]), 1);
        assert_eq!(pick(&[busy(1, 2, 0), busy(4, 5, 0)]), 1);
        assert_eq!(pick(&[busy(1, 1, STRIDE), busy(1, 1, 0)]), 1);
    }

    fn named(name: &str, weight: u16) -> Candidate {
        Candidate {
            server_key: server_key(name, SocketAddr::from(([192, 0, 2, 1], 80))),
            ..up(weight)
        }
    }

    fn client(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    /// How many clients each of the servers gets by the hash of their address.
    fn shares(candidates: &[Candidate], clients: u32) -> Vec<f64> {
        let mut counts = vec![0_u32; candidates.len()];
        for number in 0..clients {
            let all = candidates.iter().copied();
            counts[pick(Balance::SourceHash, client(number), all).unwrap()] += 1;
        }
        counts.into_iter().map(|count| f64::from(count) / f64::from(clients)).collect()
    }

    #[test]
    fn sources_spread_in_proportion_to_weights() {
        let shares = shares(&[named("a", 1), named("b", 2), named("c", 5)], 20_000);
        for (share, expected) in shares.iter().zip([0.125, 0.25, 0.625]) {
            assert!((share - expected).abs() < 0.01, "{shares:?}");
        }
    }

    #[test]
    fn a_source_moves_only_if_its_server_goes() {
        let all = [named("a", 1), named("b", 3), named("c", 2)];
        let gone = [all[0], Candidate { health: Health::Down, ..all[1] }, all[2]];
        for number in 0..1000 {
            let of = |candidates: &[Candidate]| {
                pick(Balance::SourceHash, client(number), candidates.iter().copied()).unwrap()
            };
            let (before, after) = (of(&all), of(&gone));
            assert!(before == after || before == 1, "client {number}: {before}, then {after}");
            assert_ne!(after, 1);
        }
    }

    /// Another box, with another release, chooses the same.
    #[test]
    fn the_server_of_a_source_is_the_same_for_ever() {
        let all = [named("a", 1), named("b", 3), named("c", 2)];
        let of = |client: &str| {
            let client = client.parse().unwrap();
            pick(Balance::SourceHash, client, all.iter().copied()).unwrap()
        };
        let chosen = ["198.51.100.7", "::ffff:198.51.100.7", "198.51.100.8", "2001:db8::1"].map(of);
        assert_eq!(chosen, [1, 1, 2, 2]);
    }

    #[test]
    fn of_two_the_less_loaded_is_taken() {
        let idle = up(1);
        let busy = Candidate { sessions: 9, ..up(1) };
        for _ in 0..100 {
            assert_eq!(of(Balance::Random, &[busy, idle]), Some(1));
        }
    }

    #[test]
    fn lots_fall_on_all_alike() {
        let mut counts = [0; 4];
        for _ in 0..4000 {
            counts[of(Balance::Random, &[up(1); 4]).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_backup_serves_only_while_no_other_can() {
        let backup = Candidate { is_backup: true, ..up(256) };
        let busy = Candidate { sessions: 1000, ..up(1) };
        let down = Candidate { health: Health::Down, ..busy };
        for balance in BALANCES {
            assert_eq!(of(balance, &[backup, busy]), Some(1), "{balance:?}");
            assert_eq!(of(balance, &[backup, down]), Some(0), "{balance:?}");
        }
    }

    fn any_health() -> impl Strategy<Value = Health> {
        prop_oneof![Just(Health::Up), Just(Health::Down), Just(Health::Probing)]
    }

    fn any_balance() -> impl Strategy<Value = Balance> {
        prop::sample::select(&BALANCES)
    }

    prop_compose! {
        fn any_candidate()(
            health in any_health(), tried: bool, weight in 1u16..=256, is_backup: bool,
            server_key: u64, sessions in 0usize..1000, pass in 0..STRIDE * 1000,
        ) -> Candidate {
            Candidate { health, tried, weight, is_backup, server_key, sessions, pass }
        }
    }

    proptest! {
        #[test]
        fn the_picked_one_can_serve(
            balance in any_balance(),
            candidates in prop::collection::vec(any_candidate(), 0..12),
        ) {
            let able = |c: &Candidate| c.health == Health::Up && !c.tried;
            match of(balance, &candidates) {
                Some(index) => {
                    prop_assert!(able(&candidates[index]));
                    let others = candidates.iter().any(|c| able(c) && !c.is_backup);
                    prop_assert!(!(candidates[index].is_backup && others));
                }
                None => prop_assert!(!candidates.iter().any(able)),
            }
        }

        #[test]
        fn least_connections_is_minimal(
            candidates in prop::collection::vec(any_candidate(), 1..12),
        ) {
            let able = |c: &&Candidate| c.health == Health::Up && !c.tried;
            let Some(index) = of(Balance::LeastConnections, &candidates) else {
                return Ok(());
            };
            let chosen = candidates[index];
            for other in candidates.iter().filter(|c| able(c) && c.is_backup == chosen.is_backup) {
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
