//! What the log says in a flood.

use std::iter::repeat_n;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::sleep;
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

use super::*;
use crate::notification::TOLD_EVERY;

/// Counts the warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_flood_of_adverts_that_differ_is_a_line_a_minute() {
    in_virtual_time(async {
        let warnings = Warnings::default();
        let _guard = tracing::subscriber::set_default(warnings.clone());
        let running = started().await;
        let mut odd = advert(200);
        if let Event::Advertisement { advert, .. } = &mut odd {
            advert.interval = Interval::DEFAULT;
        }
        for lines in [1, 2] {
            running.host.world.borrow_mut().events.extend(repeat_n(odd.clone(), 1000));
            sleep(TOLD_EVERY * 2).await;
            assert_eq!(warnings.0.load(Ordering::Relaxed), lines);
        }
        let counters = running.report().await.links[0].counters.clone();
        assert_eq!(counters.advertise_interval_errors, 2000);
    })
    .await;
}
