//! Takes one TOML table apart, key by key, and misses no mistake on the way.
//!
//! A faulty value is reported and reads as absent, so that reading goes on with
//! the next one. What a value means is left to the parsers in
//! [`value`](super::value), which tables and keys there are to
//! [`file`](super::file).

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Span};
use super::flaw::{Flaw, Parsed, Subject};
use super::suggest::hint_for;

/// One table of the file, on its way to becoming a struct.
pub(super) struct Reader<'a, 'toml> {
    span: Span,
    /// What precedes a key of this table in a header: nothing, or `backend.`.
    path: String,
    table: &'a DeTable<'toml>,
    asked: Vec<&'static str>,
    problems: &'a mut Vec<Diagnostic>,
}

impl<'a, 'toml> Reader<'a, 'toml> {
    /// Reads the whole file by `read`.
    pub(super) fn read_file<T>(
        table: &'a Spanned<DeTable<'toml>>,
        problems: &'a mut Vec<Diagnostic>,
        read: fn(&mut Reader<'_, 'toml>) -> T,
    ) -> T {
        let (span, table, path) = (table.span(), table.get_ref(), String::new());
        Reader { span, path, table, asked: Vec::new(), problems }.finish(read)
    }

    /// Where the table's header is.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// A value that must be there. `None` has been reported.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
    ) -> Option<Spanned<T>> {
        let value = self.required_value(key)?;
        self.parse(Subject::Key(key), value, parse)
    }

    /// A value that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
    ) -> Option<Spanned<T>> {
        let value = self.value(key)?;
        self.parse(Subject::Key(key), value, parse)
    }

    /// A value that may be absent, and then is `default`, found at the header of the table.
    pub(super) fn optional_or<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
        default: T,
    ) -> Spanned<T> {
        self.optional(key, parse).unwrap_or_else(|| Spanned::new(self.span(), default))
    }

    /// An array with at least one element. `None`, and each faulty element, has been reported.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
    ) -> Option<Vec<Spanned<T>>> {
        let array = self.required_value(key)?;
        self.parse_list(key, array, parse)
    }

    /// The same for an array that may be absent.
    pub(super) fn optional_list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
    ) -> Option<Vec<Spanned<T>>> {
        let array = self.value(key)?;
        self.parse_list(key, array, parse)
    }

    fn parse_list<T>(
        &mut self,
        key: &'static str,
        array: &'a Spanned<DeValue<'toml>>,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
    ) -> Option<Vec<Spanned<T>>> {
        let elements = self.elements(key, array, || format!("write `{key} = [\"..\"]`"))?;
        self.require_some(key, array, elements)?;
        let subject = Subject::ElementOf(key);
        Some(elements.iter().filter_map(|value| self.parse(subject, value, &parse)).collect())
    }

    /// The tables of an array that may be absent; each becomes what `read` makes of it.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        read: fn(&mut Reader<'_, 'toml>) -> T,
    ) -> Vec<T> {
        let Some(array) = self.value(key) else { return Vec::new() };
        self.read_tables(key, array, read).unwrap_or_default()
    }

    /// One table, or an array of them; both may be absent.
    pub(super) fn table_or_tables<T>(
        &mut self,
        key: &'static str,
        read: fn(&mut Reader<'_, 'toml>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        if value.get_ref().is_array() {
            return self.read_tables(key, value, read).unwrap_or_default();
        }
        self.read_table(Subject::Key(key), key, value, read).into_iter().collect()
    }

    /// The tables of an array that must be there, at least one. `None` has been reported.
    pub(super) fn required_tables<T>(
        &mut self,
        key: &'static str,
        read: fn(&mut Reader<'_, 'toml>) -> T,
    ) -> Option<Vec<T>> {
        let array = self.required_value(key)?;
        let tables = self.read_tables(key, array, read)?;
        self.require_some(key, array, array.get_ref().as_array()?)?;
        Some(tables)
    }

    /// A table that may be absent.
    pub(super) fn table<T>(
        &mut self,
        key: &'static str,
        read: fn(&mut Reader<'_, 'toml>) -> T,
    ) -> Option<T> {
        let value = self.value(key)?;
        self.read_table(Subject::Key(key), key, value, read)
    }

    /// The entries of a table that may be absent, whose keys are names. Each faulty value has been reported.
    pub(super) fn entries<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
    ) -> Vec<(Spanned<String>, Spanned<T>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            let flaw = Flaw::expected("a table", value.get_ref())
                .hint(format!("write `{key} = {{ NAME = .. }}`"));
            self.problems.push(flaw.at(Subject::Key(key), value.span()));
            return Vec::new();
        };
        let entries = table.iter().filter_map(|(name, value)| {
            let parsed = self.parse(Subject::Key(key), value, &parse)?;
            Some((Spanned::new(name.span(), name.get_ref().to_string()), parsed))
        });
        entries.collect()
    }

    fn finish<T>(mut self, read: fn(&mut Reader<'_, 'toml>) -> T) -> T {
        let value = read(&mut self);
        self.report_unknown_keys();
        value
    }

    fn read_tables<T>(
        &mut self,
        key: &'static str,
        array: &'a Spanned<DeValue<'toml>>,
        read: fn(&mut Reader<'_, 'toml>) -> T,
    ) -> Option<Vec<T>> {
        let path = format!("{}{key}", self.path);
        let hint = || format!("write `[[{path}]]`, or `{key} = [{{ .. }}]`");
        let elements = self.elements(key, array, hint)?;
        let subject = Subject::ElementOf(key);
        Some(elements.iter().filter_map(|e| self.read_table(subject, key, e, read)).collect())
    }

    fn read_table<T>(
        &mut self,
        subject: Subject<'_>,
        key: &'static str,
        value: &'a Spanned<DeValue<'toml>>,
        read: fn(&mut Reader<'_, 'toml>) -> T,
    ) -> Option<T> {
        let Some(table) = value.get_ref().as_table() else {
            let hint = match subject {
                Subject::Key(_) => format!("write `[{}{key}]`, or `{key} = {{ .. }}`", self.path),
                Subject::ElementOf(_) => "a table in an array is written `{ .. }`".to_owned(),
            };
            let flaw = Flaw::expected("a table", value.get_ref()).hint(hint);
            self.problems.push(flaw.at(subject, value.span()));
            return None;
        };
        let (span, path) = (value.span(), format!("{}{key}.", self.path));
        let problems = &mut *self.problems;
        Some(Reader { span, path, table, asked: Vec::new(), problems }.finish(read))
    }

    fn elements(
        &mut self,
        key: &'static str,
        array: &'a Spanned<DeValue<'toml>>,
        hint: impl FnOnce() -> String,
    ) -> Option<&'a [Spanned<DeValue<'toml>>]> {
        let elements = array.get_ref().as_array();
        if elements.is_none() {
            let flaw = Flaw::expected("an array", array.get_ref()).hint(hint());
            self.problems.push(flaw.at(Subject::Key(key), array.span()));
        }
        elements.map(|elements| &**elements)
    }

    fn require_some(
        &mut self,
        key: &'static str,
        array: &Spanned<DeValue<'toml>>,
        elements: &[Spanned<DeValue<'toml>>],
    ) -> Option<()> {
        if elements.is_empty() {
            let message = format!("`{key}` is empty");
            self.problems.push(Diagnostic::new(array.span(), message));
            return None;
        }
        Some(())
    }

    fn required_value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'toml>>> {
        let value = self.value(key);
        if value.is_none() {
            self.problems.push(Diagnostic::new(self.span(), format!("`{key}` is missing")));
        }
        value
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'toml>>> {
        self.asked.push(key);
        self.table.get(key)
    }

    fn parse<T>(
        &mut self,
        subject: Subject<'_>,
        value: &Spanned<DeValue<'_>>,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
    ) -> Option<Spanned<T>> {
        match parse(value.get_ref()) {
            Ok(parsed) => Some(Spanned::new(value.span(), parsed)),
            Err(flaw) => {
                self.problems.push(flaw.at(subject, value.span()));
                None
            }
        }
    }

    fn report_unknown_keys(self) {
        for key in self.table.keys() {
            if self.asked.iter().any(|asked| *asked == key.get_ref()) {
                continue;
            }
            let hint = hint_for(key.get_ref(), "keys", self.asked.iter().copied());
            let problem = Diagnostic::new(key.span(), format!("unknown key `{}`", key.get_ref()));
            self.problems.push(problem.maybe_hint(hint));
        }
    }
}
