//! The checksum of a box that has heard no peer is that of RFC 9568, over the message alone.

use std::path::PathBuf;

use crate::clock::Moment;
use crate::failure::{Failure, Result, eventually};
use crate::lab::dissect::{Dissected, Form, Verified, dissect};
use crate::lab::frames::Frames;
use crate::pair::{A, Pair, SETTLE_DEADLINE};
use crate::router::settings::Settings;
use crate::router::status::RouterState;
use crate::verdict::{Measurement, Verdict};

/// So many advertisements are looked at.
const ADVERTS: usize = 5;

/// The drill: Wireshark finds it right when told of RFC 9568, and takes it for wrong otherwise.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut pair = Pair::idle(&binary, Settings::default()).await?;
    let frames = Frames::listen(&pair.lab.observer, &pair.lab.client.node).await?;
    pair.boxes[A].start().await?;
    pair.wait_for_state(A, RouterState::Active).await?;
    let heard = eventually("advertisements", SETTLE_DEADLINE, || async {
        let heard = frames.since(Moment::ZERO);
        let count = heard.iter().filter(|frame| frame.is_advertisement()).count();
        if count >= ADVERTS { Ok(heard) } else { Err(Failure::new(format!("{count}"))) }
    })
    .await?;
    let file = pair.config().with_extension("pcap");
    let message_only = dissect(&heard, &file, Form::Rfc9568).await?;
    let with_pseudo = dissect(&heard, &file, Form::Rfc5798).await?;
    let all = |adverts: &[Dissected], checksum| {
        adverts.iter().all(|advert| {
            (advert.checksum, advert.ttl, advert.complaint.as_str()) == (checksum, 255, "")
        })
    };
    Ok(Verdict::of(Measurement::default())
        .expect(all(&message_only, Verified::Right), format!("wrong: {message_only:?}"))
        .expect(all(&with_pseudo, Verified::Wrong), "the form of RFC 5798 is right as well"))
}
