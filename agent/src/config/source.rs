//! The text of a config file, under the name it has in messages.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::diagnostic::Span;

/// A config file as text.
///
/// The supervisor reads it; the worker is handed the same text over its socket.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The path as the user wrote it.
    pub(crate) name: String,
    /// The whole text.
    pub(crate) text: String,
}

impl Source {
    /// Reads a file of at most [`FILE_SIZE_MAX`] bytes.
    pub(crate) fn read(path: &Path) -> Result<Self, ReadError> {
        let text = read_text(path).map_err(|error| ReadError { path: path.to_owned(), error })?;
        Ok(Self { name: path.display().to_string(), text })
    }

    /// Line and column of a byte of the text, both from 1; columns count characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// The nearest span that lies within the text and between characters.
    pub(crate) fn clamp(&self, span: &Span) -> Span {
        let start = self.boundary(span.start);
        start..self.boundary(span.end).max(start)
    }

    fn boundary(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset)
    }
}

/// The text may contain a password.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_SIZE_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_SIZE_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The config file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`: {}", path.display(), reason(error))]
pub(crate) struct ReadError {
    path: PathBuf,
    #[source]
    error: io::Error,
}

impl ReadError {
    /// The way out, where there is a likely one.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self.error.kind() {
            io::ErrorKind::NotFound => Some("`-f FILE` names another file"),
            io::ErrorKind::PermissionDenied => Some("run as root, or make the file readable"),
            io::ErrorKind::InvalidData => Some("save it as UTF-8"),
            _ => None,
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        io::ErrorKind::InvalidData => "it is not text in UTF-8".to_owned(),
        io::ErrorKind::FileTooLarge => format!("it is larger than {} MiB", FILE_SIZE_MAX >> 20),
        _ => error.to_string(),
    }
}

/// Larger files are refused: the text is held in memory, and sent to the worker in one message.
pub(crate) const FILE_SIZE_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { name: "haagent.toml".to_owned(), text: text.to_owned() }
    }

    fn read_error(path: &Path) -> String {
        Source::read(path).expect_err("the file is bad").to_string()
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = source("a\n\täö = 1\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(1), (1, 2));
        assert_eq!(source.position(2), (2, 1));
        assert_eq!(source.position(7), (2, 4), "two-byte characters count once");
        assert_eq!(source.position(99), (3, 1), "beyond the end is the end");
    }

    #[test]
    fn spans_never_split_a_character() {
        let source = source("äöü");
        assert_eq!(source.clamp(&(1..3)), 0..2);
        assert_eq!(source.clamp(&(5..99)), 4..6);
    }

    #[test]
    fn absent_file_is_told() {
        let path = Path::new("/nonexistent/haagent.toml");
        assert_eq!(read_error(path), "cannot read `/nonexistent/haagent.toml`: no such file");
    }

    #[test]
    fn directory_is_no_file() {
        assert_eq!(read_error(Path::new("/")), "cannot read `/`: it is a directory");
    }

    #[test]
    fn file_that_is_not_text_is_told() {
        let dir = tempfile::tempdir().expect("scratch directory");
        let path = dir.path().join("latin1.toml");
        std::fs::write(&path, b"name = \"\xe4\"").expect("scratch file");
        assert!(read_error(&path).ends_with("latin1.toml`: it is not text in UTF-8"));
    }

    #[test]
    fn endless_file_is_refused() {
        assert_eq!(
            read_error(Path::new("/dev/zero")),
            "cannot read `/dev/zero`: it is larger than 4 MiB"
        );
    }
}
