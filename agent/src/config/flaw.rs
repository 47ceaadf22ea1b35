//! What is wrong with a single value, before it is known where the value stands.

use toml::de::DeValue;

use super::diagnostic::{Diagnostic, Span};

/// What a parser of values returns.
pub(super) type Parsed<T> = Result<T, Flaw>;

/// What is wrong with a value.
pub(super) struct Flaw {
    fault: Fault,
    hint: Option<String>,
}

enum Fault {
    /// The value is of another TOML type.
    Type { wanted: &'static str, found: &'static str },
    /// The type is right and the value is not.
    Value { value: String, complaint: String },
}

/// Where in its table a value stands.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// It is the value of this key.
    Key(&'a str),
    /// It is in the array of this key.
    ElementOf(&'a str),
}

impl Flaw {
    /// The value is of another TOML type than `wanted`, a noun with its article.
    pub(super) fn expected(wanted: &'static str, value: &DeValue<'_>) -> Self {
        Self { fault: Fault::Type { wanted, found: noun(value) }, hint: None }
    }

    /// The value, as it is to be shown, and a complaint that completes the sentence.
    pub(super) fn new(value: impl Into<String>, complaint: impl Into<String>) -> Self {
        let (value, complaint) = (value.into(), complaint.into());
        Self { fault: Fault::Value { value, complaint }, hint: None }
    }

    /// The same flaw with a way out.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        self.maybe_hint(Some(hint.into()))
    }

    /// The same flaw with a way out, if there is one.
    pub(super) fn maybe_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    /// The flaw as a problem of the text at `span`.
    pub(super) fn at(self, subject: Subject<'_>, span: Span) -> Diagnostic {
        let message = match (self.fault, subject) {
            (Fault::Type { wanted, found }, Subject::Key(key)) => {
                format!("`{key}` must be {wanted}, not {found}")
            }
            (Fault::Type { wanted, found }, Subject::ElementOf(key)) => {
                format!("an element of `{key}` must be {wanted}, not {found}")
            }
            (Fault::Value { value, complaint }, Subject::Key(key)) => {
                format!("{key} `{value}` {complaint}")
            }
            (Fault::Value { value, complaint }, Subject::ElementOf(_)) => {
                format!("`{value}` {complaint}")
            }
        };
        Diagnostic::new(span, message).maybe_hint(self.hint)
    }
}

fn noun(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
