//! Settings in which another box differs from this one, and what to do about it.

use std::net::IpAddr;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use vrrp::hmac::HmacError;
use vrrp::{DecodeError, Difference, Mismatch, Proof};

use super::ms;

/// A setting that is not as on another box, or as there and should not be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MismatchStatus {
    /// The other box.
    pub(crate) source: IpAddr,
    /// By the name that the config has for it, as far as there is one.
    pub(crate) setting: String,
    /// What is different, in words that begin with the other box.
    pub(crate) text: String,
    /// Its advertisements count all the same.
    pub(crate) heard: bool,
    /// It is not meant to be so. Who introduces `auth_hmac` hears unsigned advertisements for a while.
    #[serde(default)]
    pub(crate) problem: bool,
    /// Since it was last seen to be so.
    pub(crate) last_advert_ms: u64,
    /// The way out.
    pub(crate) hint: String,
}

impl MismatchStatus {
    pub(crate) fn new(mismatch: &Mismatch, now: Instant) -> Self {
        let (setting, hint) = way_out(mismatch.difference);
        let age = now.saturating_duration_since(mismatch.heard_at);
        Self {
            source: mismatch.source,
            setting: setting.to_owned(),
            text: mismatch.to_string(),
            heard: mismatch.is_heard,
            problem: !matches!(
                mismatch.difference,
                Difference::Authentication { ours: Proof::Hmac, .. }
            ),
            last_advert_ms: ms(age),
            hint: hint.to_owned(),
        }
    }
}

/// What to do about a sender that is refused.
pub(crate) fn way_out_of_refusal(error: &DecodeError) -> Option<&'static str> {
    match error {
        DecodeError::Source(_) => Some(
            "a box of ours needs a `node` with that address, or `sources` that say where it is; \
             a stranger needs another `vrid`",
        ),
        DecodeError::Hmac(HmacError::Missing) => {
            Some("until all boxes sign, `auth_hmac` needs `mode = \"permissive\"` here")
        }
        DecodeError::Hmac(HmacError::UnknownKey(_) | HmacError::Mismatch) => {
            Some("give all boxes the same key under the same `id`, then `haagent reload`")
        }
        _ => None,
    }
}

/// The setting, and what to do about it.
fn way_out(difference: Difference) -> (&'static str, &'static str) {
    match difference {
        Difference::Version { .. } => {
            ("version", "set the same `version` on all boxes (keepalived: `vrrp_version`)")
        }
        Difference::Authentication { ours: Proof::Hmac, .. }
        | Difference::Authentication { theirs: Proof::Hmac, .. } => (
            "auth_hmac",
            "give all boxes the same `auth_hmac`, and let them `enforce` it once all of them sign",
        ),
        Difference::Authentication { .. } => {
            ("password", "set the same `password` on all boxes (keepalived: `auth_pass`)")
        }
        Difference::Interval { .. } => (
            "advert_interval",
            "set the same `advert_interval` on all boxes (keepalived: `advert_int`)",
        ),
        Difference::Addresses { .. } => (
            "addresses",
            "give all boxes the same `addresses`; what is not advertised goes to `excluded`",
        ),
        Difference::Stranger(_) => (
            "vrid",
            "choose another `vrid`; if that is a box of ours, give it the same `addresses`",
        ),
        Difference::Priority(_) => {
            ("priority", "the higher source address decides: give each box another `priority`")
        }
        Difference::Checksum { .. } => {
            ("checksum", "`checksum = \"auto\"` answers each box in the form that it uses")
        }
    }
}

#[cfg(test)]
mod tests {
    use vrrp::Interval;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant can only be had from the clock")]
    fn a_mismatch_is_told_with_the_setting_to_change() {
        let now = Instant::now();
        let status = |difference| {
            let source = IpAddr::from([192, 0, 2, 3]);
            let interval = Interval::DEFAULT;
            let mismatch = Mismatch { source, difference, is_heard: true, heard_at: now, interval };
            MismatchStatus::new(&mismatch, now)
        };
        let (ours, theirs) = (Interval::DEFAULT, Interval::MAX_V3);
        let interval = status(Difference::Interval { ours, theirs });
        assert_eq!(interval.text, "192.0.2.3 advertises every 40950 ms, we every 1000 ms");
        let proofs = |ours, theirs| status(Difference::Authentication { ours, theirs });
        let settings = [
            interval,
            status(Difference::Version { ours: 3, theirs: 2 }),
            proofs(Proof::Password, Proof::Password),
            proofs(Proof::None, Proof::Password),
            proofs(Proof::None, Proof::Hmac),
            proofs(Proof::Hmac, Proof::None),
            status(Difference::Stranger(IpAddr::from([192, 0, 2, 7]))),
        ];
        let expected = [
            "advert_interval",
            "version",
            "password",
            "password",
            "auth_hmac",
            "auth_hmac",
            "vrid",
        ];
        for (status, expected) in settings.iter().zip(expected) {
            assert_eq!(status.setting, expected);
            assert_eq!(
                status.problem,
                status.text != "192.0.2.3 does not sign what it sends, we do"
            );
            assert!(status.hint.contains(&format!("`{expected}`")), "{status:?}");
        }
    }
}
