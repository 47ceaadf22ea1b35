//! The numbers of signed advertisements, over the lives of this box: a peer takes none twice, and none that is older than
//! the last one.
//!
//! They follow the clock, which may be behind after a start. So a file says how far they may have got. It is always ahead
//! of them, by a block, so that no advertisement waits for a disk: a task beside the VRRP thread writes the next block
//! before the last one ends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::sleep;
use vrrp::hmac::{Reserved, Sequence};

/// So far ahead of the clock is what a file reserves. It is also how far we may be ahead of it after a loss of power, less
/// the time until we are back: a keepalived that looks at the time refuses what is 5 s ahead.
const BLOCK: Duration = Duration::from_secs(30);
/// The end of a block, for what only counts up: advertisements while the clock stands, and the guard's.
const SPARE: Duration = Duration::from_secs(1);
/// Before this much is left of a block there should be another one.
const LEFT: Duration = Duration::from_secs(10);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Two readings of clocks are never quite at once.
const TOLERANCE: Duration = Duration::from_millis(100);

const FILE: &str = "sequences.json";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Nothing newer was signed.
    reserved_until: u64,
    /// When it was written, by a clock that nobody sets.
    at: Moment,
}

/// A moment in the life of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Moment {
    boot_id: String,
    uptime_ms: u64,
}

impl Record {
    /// What the next life has to be after.
    fn end(&self) -> Sequence {
        Sequence::from(self.reserved_until)
    }

    /// Whether a clock that says `clock` now is sure to be ahead of all that was signed: because it was when this was
    /// written, and nobody has put it back by more than it was put ahead since. Of another kernel's life nothing is sure but the end.
    fn is_behind(&self, clock: Sequence, now: &Moment) -> bool {
        let is_same_life = self.at.boot_id == now.boot_id;
        let since = Duration::from_millis(now.uptime_ms.saturating_sub(self.at.uptime_ms));
        let followed = self.end().minus(BLOCK).plus(since);
        clock.is_after(self.end()) || is_same_life && clock.plus(TOLERANCE).is_after(followed)
    }
}

/// The sequences of this box.
#[derive(Debug)]
pub(crate) struct Sequences {
    file: PathBuf,
    reserved: watch::Sender<Reserved>,
    problem: Arc<Mutex<Option<String>>>,
    keeper: Option<AbortHandle>,
}

impl Sequences {
    /// Of which the file is in this directory. Nothing is reserved yet.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        let (file, reserved) = (directory.join(FILE), watch::Sender::default());
        Self { file, reserved, problem: Arc::default(), keeper: None }
    }

    /// What may be signed with.
    pub(crate) fn reserved(&self) -> watch::Receiver<Reserved> {
        self.reserved.subscribe()
    }

    /// Why they are not kept, if that is so.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reserves from now on, if anything is signed. When this returns there is a block, or a problem.
    pub(crate) fn configure(&mut self, signs: bool) {
        if signs && self.keeper.is_none() {
            let store = Store::open(&self.file, self.reserved.clone(), Arc::clone(&self.problem));
            self.keeper = Some(tokio::spawn(keep(store)).abort_handle());
        } else if !signs && let Some(keeper) = self.keeper.take() {
            keeper.abort();
            *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

impl Drop for Sequences {
    fn drop(&mut self) {
        self.configure(false);
    }
}

async fn keep(mut store: Store) {
    loop {
        sleep(LOOK).await;
        // It may wait for a disk.
        match spawn_blocking(move || store.renewed(clock())).await {
            Ok(same) => store = same,
            Err(error) => return tracing::error!(%error, "sequences are not kept any more"),
        }
    }
}

/// The file, and what it says.
#[derive(Debug)]
struct Store {
    file: PathBuf,
    reserved: watch::Sender<Reserved>,
    problem: Arc<Mutex<Option<String>>>,
    /// What this life has to be after.
    after: Option<Sequence>,
    /// The end of what is reserved. `None`: the file says nothing that would be true.
    until: Option<Sequence>,
}

impl Store {
    fn open(
        file: &Path,
        reserved: watch::Sender<Reserved>,
        problem: Arc<Mutex<Option<String>>>,
    ) -> Self {
        let after = match read(file) {
            Ok(record) => {
                let now = now();
                let is_behind = record.as_ref().is_some_and(|it| it.is_behind(clock(), &now));
                record.filter(|_| !is_behind).map(|record| record.end())
            }
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "earlier sequences are not known");
                None
            }
        };
        let store = Self { file: file.into(), reserved, problem, after, until: None };
        store.renewed(clock())
    }

    /// With another block, if this one is about to end.
    fn renewed(mut self, clock: Sequence) -> Self {
        let newest = self.after.map_or(clock, |after| later(after, clock));
        if self.until.is_some_and(|until| until.is_after(newest.plus(LEFT))) {
            return self;
        }
        let end = newest.plus(BLOCK);
        let record = Record { reserved_until: end.value(), at: now() };
        let written = write(&self.file, &record);
        self.until = written.is_ok().then_some(end);
        self.tell(written.err());
        self
    }

    fn tell(&self, error: Option<io::Error>) {
        let until = self.until.map(|until| until.minus(SPARE));
        self.reserved.send_replace(Reserved { after: self.after, until });
        let text = error.map(|error| {
            let file = self.file.display();
            format!("cannot keep the numbers of signed adverts in `{file}`: {error}\nhint: {HINT}")
        });
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = text.as_ref().filter(|text| problem.as_ref() != Some(text)) {
            tracing::error!("{text}");
        }
        *problem = text;
    }
}

/// What is wrong with that, and what to do.
const HINT: &str = "make it writable, or name another directory with `--state-dir`; if this box starts with a clock that \
    is behind, its peers refuse it";

fn later(one: Sequence, other: Sequence) -> Sequence {
    if other.is_after(one) { other } else { one }
}

/// `None` before the first one was written.
fn read(file: &Path) -> io::Result<Option<Record>> {
    match fs::read(file) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The old one is there until the new one is on the disk.
fn write(file: &Path, record: &Record) -> io::Result<()> {
    let directory = file.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(directory)?;
    let new = file.with_extension("new");
    let mut written = File::create(&new)?;
    written.write_all(&serde_json::to_vec(record)?)?;
    written.sync_all()?;
    fs::rename(&new, file)?;
    File::open(directory)?.sync_all()
}

/// Without its number no kernel's life is the same as another.
fn now() -> Moment {
    let boot_id = fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned();
    let uptime = Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default();
    Moment { boot_id, uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX) }
}

#[expect(clippy::disallowed_methods, reason = "sequences follow the time of day")]
fn clock() -> Sequence {
    Sequence::at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Sequence {
        Sequence::at(Duration::from_secs(secs))
    }

    fn moment(boot_id: &str, uptime_secs: u64) -> Moment {
        Moment { boot_id: boot_id.to_owned(), uptime_ms: uptime_secs * 1000 }
    }

    #[test]
    fn a_clock_is_trusted_beyond_the_block_or_if_nobody_has_put_it_back() {
        // Written when the clock was at 970.
        let record = Record { reserved_until: at(1000).value(), at: moment("one", 50) };
        let cases = [
            (at(1001), moment("another", 3), true),
            (at(999), moment("another", 3), false),
            (at(971), moment("one", 51), true),
            (at(990), moment("one", 70), true),
            (at(985), moment("one", 70), false),
            (at(3), moment("one", 51), false),
        ];
        for (clock, now, expected) in cases {
            assert_eq!(record.is_behind(clock, &now), expected, "{clock:?} {now:?}");
        }
    }

    fn open(directory: &Path) -> (Store, Reserved) {
        let (reserved, problem) = (watch::Sender::default(), Arc::default());
        let store = Store::open(&directory.join(FILE), reserved, problem);
        let reserved = *store.reserved.borrow();
        (store, reserved)
    }

    #[test]
    fn what_a_file_is_ahead_of_the_clock_is_kept_over_every_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let ahead = clock().plus(Duration::from_secs(3600));
        let record = Record { reserved_until: ahead.value(), at: moment("another", 3) };
        write(&directory.path().join(FILE), &record).expect("written");
        let (_, first) = open(directory.path());
        assert_eq!(first.after, Some(ahead));
        assert_eq!(first.until, Some(ahead.plus(BLOCK).minus(SPARE)));
        let (_, second) = open(directory.path());
        assert_eq!(second.after, Some(ahead.plus(BLOCK)), "the first may have signed all of it");
    }

    #[test]
    fn a_right_clock_goes_on_by_itself() {
        let directory = tempfile::tempdir().expect("a directory");
        let (_, first) = open(directory.path());
        assert!(first.after.is_none() && first.until.is_some());
        assert_eq!(open(directory.path()).1.after, None, "not ahead of the clock");
    }

    #[test]
    fn a_block_is_written_before_the_last_one_ends_and_not_more_often() {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, first) = open(directory.path());
        let file = directory.path().join(FILE);
        let until = first.until.expect("reserved");
        fs::remove_file(&file).expect("it was there");
        let store = store.renewed(until.minus(Duration::from_secs(15)));
        assert!(!file.exists());
        let store = store.renewed(until.minus(Duration::from_secs(5)));
        assert!(file.exists());
        let next = store.reserved.borrow().until.expect("reserved");
        assert!(next.is_after(until.plus(Duration::from_secs(20))));
    }

    #[test]
    fn what_cannot_be_written_is_a_problem_for_as_long_and_the_clock_alone_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        // A file in the place of the directory.
        let place = directory.path().join("state");
        fs::write(&place, "").expect("written");
        let (store, reserved) = open(&place);
        assert_eq!(reserved, Reserved::default());
        let problem = |store: &Store| store.problem.lock().expect("not poisoned").clone();
        let text = problem(&store).expect("a problem");
        assert!(text.starts_with("cannot keep the numbers of signed adverts in `"), "{text}");
        fs::remove_file(&place).expect("removed");
        let store = store.renewed(clock());
        assert_eq!(problem(&store), None);
        assert!(store.reserved.borrow().until.is_some());
    }

    #[test]
    fn an_unreadable_file_is_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join(FILE), "{").expect("written");
        let (_, reserved) = open(directory.path());
        assert!(reserved.after.is_none() && reserved.until.is_some());
        assert!(read(&directory.path().join(FILE)).expect("readable").is_some());
    }
}
