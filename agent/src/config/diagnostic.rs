//! A problem at its place in the config file, and how it is shown.
//!
//! Everything that can be wrong with a config becomes a [`Diagnostic`]: by
//! reading and validating the file, and at run time when the system refuses
//! something that the file asks for, such as a port in use. [`Diagnostics`]
//! renders them like a compiler does, without colour:
//!
//! ```text
//! error: virtual router 51 appears twice on `eth0`
//!   --> haagent.toml:19:8
//!    |
//! 19 | vrid = 51
//!    |        ^^ first at 7:8
//!    |
//! hint: one virtual router carries many addresses: `addresses = [..]`
//! ```

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::secret::masked;
use super::source::Source;

/// A part of the config text, in bytes.
pub(crate) type Span = Range<usize>;

/// One problem in the config: what, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    span: Span,
    message: String,
    first: Option<Span>,
    hint: Option<String>,
    is_warning: bool,
}

impl Diagnostic {
    /// A problem with the text at `span`; the message is lower case, its subject first, values in backticks.
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        let message = shortened(message.into());
        Self { span, message, first: None, hint: None, is_warning: false }
    }

    /// Points to the place that this one repeats.
    pub(crate) fn first_at(mut self, span: Span) -> Self {
        self.first = Some(span);
        self
    }

    /// Makes it one that may pass by itself: the config is good all the same.
    pub(crate) fn warning(self) -> Self {
        Self { is_warning: true, ..self }
    }

    /// Whether the config is good all the same.
    pub(crate) const fn is_warning(&self) -> bool {
        self.is_warning
    }

    /// Says the way out.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        self.maybe_hint(Some(hint.into()))
    }

    /// Says the way out, if there is one.
    pub(crate) fn maybe_hint(self, hint: Option<String>) -> Self {
        Self { hint: hint.map(shortened), ..self }
    }

    fn render(&self, source: &Source) -> String {
        let label = self.first.as_ref().map(|first| {
            let (line, column) = source.position(first.start);
            format!("first at {line}:{column}")
        });
        let end = self.span.end.min(self.span.start.saturating_add(EXCERPT_MAX));
        let span = source.clamp(&(self.span.start..end));
        let annotation = AnnotationKind::Primary.span(span).label(label);
        let shown = masked(&source.text);
        let snippet = Snippet::source(&shown).path(&source.name).annotation(annotation);
        let level = if self.is_warning { Level::WARNING } else { Level::ERROR };
        let mut report = vec![level.primary_title(&self.message).element(snippet)];
        if let Some(hint) = &self.hint {
            let title = Level::HELP.with_name("hint").secondary_title(hint);
            report.push(Group::with_title(title));
        }
        Renderer::plain().render(&report)
    }
}

/// Every problem of one config file, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostics {
    source: Source,
    problems: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Puts the problems of `source` into the order of the file.
    pub(crate) fn new(source: &Source, mut problems: Vec<Diagnostic>) -> Self {
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        Self { source: source.clone(), problems }
    }

    /// The number of problems, whether shown or not.
    pub(crate) fn len(&self) -> usize {
        self.problems.len()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(SHOWN_MAX).enumerate() {
            let gap = if index == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{}", problem.render(&self.source))?;
        }
        match self.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "\n\n{more} more problems are not shown"),
        }
    }
}

impl std::error::Error for Diagnostics {}

/// Values of the file are quoted in messages, and nobody limits their length.
fn shortened(mut text: String) -> String {
    if text.len() > MESSAGE_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_MAX));
        text.push_str("..");
    }
    text
}

/// Longer messages and hints are cut, in bytes.
const MESSAGE_MAX: usize = 600;

/// Longer values are underlined, and so shown, only in part, in bytes.
const EXCERPT_MAX: usize = 100;

/// More problems than this are counted, not shown: nobody reads them, and each costs a pass over the text.
const SHOWN_MAX: usize = 50;
