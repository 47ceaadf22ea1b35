//! Whether a file is there, and the number in it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use vrrp::track::{Outcome, Verdict};

use super::blocking::Blocking;
use super::sample::{failure, success};

/// No number that counts is longer.
const CONTENT_MAX: u64 = 64;

/// Looks at one file, once at a time.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    work: Blocking<Outcome>,
}

impl Reader {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, work: Blocking::default() }
    }

    /// Whether there is such a file. Cancel-safe.
    pub(super) async fn existence(&mut self) -> Outcome {
        let path = self.path.clone();
        let look = move || match fs::metadata(&path) {
            Ok(_) => success("file present"),
            Err(error) => failure(reason(&error)),
        };
        self.work.run(look).await.unwrap_or_else(failure)
    }

    /// The number in it. Cancel-safe.
    pub(super) async fn content(&mut self) -> Outcome {
        let path = self.path.clone();
        self.work.run(move || read(&path)).await.unwrap_or_else(failure)
    }
}

fn read(path: &Path) -> Outcome {
    let mut text = String::new();
    let result = File::open(path).and_then(|file| file.take(CONTENT_MAX).read_to_string(&mut text));
    match (result, text.trim().parse::<i32>()) {
        (Err(error), _) => failure(reason(&error)),
        (Ok(_), Err(_)) => failure("it holds no whole number"),
        (Ok(_), Ok(number)) => {
            let bounds = i32::from(i16::MIN)..=i32::from(i16::MAX);
            let value = number.clamp(*bounds.start(), *bounds.end());
            let value = i16::try_from(value).unwrap_or_default();
            Outcome { verdict: Verdict::Value(value), text: format!("it holds {number}") }
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_there_or_not() {
        let directory = tempfile::tempdir().expect("scratch directory");
        let path = directory.path().join("flag");
        let mut reader = Reader::new(path.clone());
        assert_eq!(reader.existence().await, failure("no such file"));
        fs::write(&path, "").expect("scratch file");
        assert_eq!(reader.existence().await, success("file present"));
    }

    #[tokio::test]
    async fn the_content_is_a_number_or_nothing() {
        let directory = tempfile::tempdir().expect("scratch directory");
        let path = directory.path().join("value");
        let mut reader = Reader::new(path.clone());
        assert_eq!(reader.content().await.verdict, Verdict::Failure);
        let cases = [
            ("-20\n", Verdict::Value(-20)),
            ("  7 ", Verdict::Value(7)),
            ("+7", Verdict::Value(7)),
            ("99999", Verdict::Value(i16::MAX)),
            ("", Verdict::Failure),
            ("7 8", Verdict::Failure),
            ("99999999999", Verdict::Failure),
        ];
        for (text, verdict) in cases {
            fs::write(&path, text).expect("scratch file");
            assert_eq!(reader.content().await.verdict, verdict, "{text:?}");
        }
    }
}
