//! The config text as it may be shown: without passwords.
//!
//! A mistake near a password must not carry it into logs and status. What follows a word that looks like
//! `password`, misspelt ones included, is masked to the end of its line, for a text with a mistake cannot be parsed.

use super::suggest::resembles;

/// The text with a star for every byte of a secret, so that every other byte keeps its place.
pub(super) fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    // The delimiter of a string of many lines that began at a password.
    let mut open: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let start = match open {
            Some(_) => Some(0),
            None => secret_start(line),
        };
        let (plain, secret) = line.split_at(start.unwrap_or(line.len()));
        shown.push_str(plain);
        mask(secret, &mut shown);
        open = still_open(open, secret);
    }
    shown
}

/// Where the secret of a line begins: after the word and the equals sign.
fn secret_start(line: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut words = line.split(|c| !is_part(c)).filter(|word| !word.is_empty());
    let word = words.find(|word| resembles(word, "password") || word.contains("pass"))?;
    let end = word.as_ptr().addr() - line.as_ptr().addr() + word.len();
    let rest = line[end..].trim_start_matches(['"', '\'', ' ', '\t']);
    Some(line.len() - rest.strip_prefix('=').unwrap_or(rest).len())
}

fn mask(secret: &str, shown: &mut String) {
    for c in secret.chars() {
        if c.is_whitespace() {
            shown.push(c);
        } else {
            shown.extend(std::iter::repeat_n('*', c.len_utf8()));
        }
    }
}

/// The delimiter that is open after this part of a line.
fn still_open<'a>(open: Option<&'a str>, secret: &str) -> Option<&'a str> {
    let first = || [r#"""""#, "'''"].into_iter().find(|delimiter| secret.contains(delimiter));
    let delimiter = open.or_else(first)?;
    let odd = secret.matches(delimiter).count() % 2 == 1;
    (odd != open.is_some()).then_some(delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_and_nothing_moves() {
        let cases = [
            ("vrid = 51\n", "vrid = 51\n"),
            ("password = \"abc\"\nvrid = 51\n", "password = *****\nvrid = 51\n"),
            ("x = { password = 'a b', v = 1 }\r\n", "x = { password = ** *** * * * *\r\n"),
            ("pasword = \"ä\"", "pasword = ****"),
            ("auth_pass secret", "auth_pass ******"),
            ("\"password\"=abc", "\"password\"=***"),
            ("password = \"\"\"\nab\n\"\"\"\nname = 1", "password = ***\n**\n***\nname = 1"),
        ];
        for (text, shown) in cases {
            assert_eq!(masked(text), shown, "{text}");
            assert_eq!(masked(text).len(), text.len());
        }
    }
}
