//! "Did you mean": what a misspelt word was probably meant to be.

/// The way out of an unknown word: the similar known one, else all that are known.
///
/// `what` is the plural noun for the known words, such as "keys". `None` if nothing is known.
pub(crate) fn hint_for<'a>(
    word: &str,
    what: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(similar) = similar(word, &known) {
        return Some(format!("did you mean `{similar}`?"));
    }
    match &*known {
        [] => None,
        [only] => Some(format!("only `{only}` is known")),
        known => Some(format!("known {what} are {}", quoted(known))),
    }
}

/// The words in backticks, in their order; a long list is cut short.
pub(crate) fn quoted<T: std::fmt::Display>(words: &[T]) -> String {
    let shown: Vec<String> = words.iter().take(LISTED_MAX).map(|w| format!("`{w}`")).collect();
    let dots = if words.len() > LISTED_MAX { ", .." } else { "" };
    format!("{}{dots}", shown.join(", "))
}

fn similar<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = plain(word);
    let distance = |known: &str| strsim::damerau_levenshtein(&word, &plain(known));
    let (distance, best) = known.iter().map(|known| (distance(known), *known)).min()?;
    (distance <= word.chars().count().max(3) / 3).then_some(best)
}

/// Whether the word is probably meant to be the known one.
pub(super) fn resembles(word: &str, known: &str) -> bool {
    similar(word, &[known]).is_some()
}

/// Case and the choice between `-` and `_` are no difference worth counting.
fn plain(word: &str) -> String {
    word.chars().take(WORD_MAX).collect::<String>().to_lowercase().replace('-', "_")
}

/// More names than this do not help.
const LISTED_MAX: usize = 10;

/// Longer words are compared by their beginning: the comparison takes quadratic time.
const WORD_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slip_of_the_finger_is_recognised() {
        for word in ["prioriti", "priorty", "Priority", "pirority"] {
            let hint = hint_for(word, "keys", ["name", "address", "priority"]);
            assert_eq!(hint.as_deref(), Some("did you mean `priority`?"), "{word}");
        }
        let hint = hint_for("idle-timeout", "keys", ["idle_timeout"]);
        assert_eq!(hint.as_deref(), Some("did you mean `idle_timeout`?"));
    }

    #[test]
    fn foreign_word_gets_the_list() {
        let hint = hint_for("colour", "keys", ["name", "address"]);
        assert_eq!(hint.as_deref(), Some("known keys are `name`, `address`"));
    }

    #[test]
    fn only_word_is_no_list() {
        assert_eq!(hint_for("mail", "backends", ["web"]).as_deref(), Some("only `web` is known"));
    }

    #[test]
    fn nothing_known_gives_no_hint() {
        assert_eq!(hint_for("web", "backends", []), None);
    }

    #[test]
    fn long_list_is_cut() {
        let names: Vec<String> = (0..20).map(|n| format!("s{n}")).collect();
        assert!(quoted(&names).ends_with("`s9`, .."));
    }
}
