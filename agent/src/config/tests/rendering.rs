//! How problems look on the terminal, wherever in a text they are.

use proptest::prelude::*;

use super::{BACKEND, FRONTEND, NODE, NodeChoice, OTHER_NODE, ROUTER, Source, file, host, load};
use crate::config::diagnostic::{Diagnostic, Diagnostics, Span};

fn rendered(text: &str, problems: Vec<Diagnostic>) -> String {
    let source = Source { name: "haagent.toml".to_owned(), text: text.to_owned() };
    Diagnostics::new(&source, problems).to_string()
}

fn at(text: &str, span: Span) -> String {
    rendered(text, vec![Diagnostic::new(span, "`x` is wrong")])
}

#[track_caller]
fn assert_shown(got: &str, expected: &str) {
    assert_eq!(got, expected.trim(), "got:\n{got}\n");
}

#[test]
fn first_place_and_hint_are_shown() {
    let problem = Diagnostic::new(13..15, "`x` is wrong").first_at(0..4).hint("do not");
    assert_shown(
        &rendered("vrid = 7\nname = 12\n", vec![problem]),
        "
error: `x` is wrong
 --> haagent.toml:2:5
  |
2 | name = 12
  |     ^^ first at 1:1
  |
hint: do not
",
    );
}

#[test]
fn problems_are_shown_in_the_order_of_the_file() {
    let problems =
        vec![Diagnostic::new(6..7, "`b` is wrong"), Diagnostic::new(0..1, "`a` is wrong")];
    assert_shown(
        &rendered("a = 1\nb = 2\n", problems),
        "
error: `a` is wrong
 --> haagent.toml:1:1
  |
1 | a = 1
  | ^

error: `b` is wrong
 --> haagent.toml:2:1
  |
2 | b = 2
  | ^
",
    );
}

#[test]
fn columns_count_characters_and_tabs() {
    assert_shown(
        &at("\tä = 1\n", 6..7),
        "
error: `x` is wrong
 --> haagent.toml:1:6
  |
1 |     ä = 1
  |         ^
",
    );
}

#[test]
fn end_of_a_file_without_newline_is_a_place() {
    assert_shown(
        &at("a =", 3..3),
        "
error: `x` is wrong
 --> haagent.toml:1:4
  |
1 | a =
  |    ^
",
    );
}

#[test]
fn empty_file_has_a_first_line() {
    assert_shown(
        &at("", 0..0),
        "
error: `x` is wrong
 --> haagent.toml:1:1
  |
1 |
  | ^
",
    );
}

#[test]
fn lines_may_end_as_on_windows() {
    assert_shown(
        &at("a = 1\r\nb = 2\r\n", 11..12),
        "
error: `x` is wrong
 --> haagent.toml:2:5
  |
2 | b = 2
  |     ^
",
    );
}

#[test]
fn huge_value_is_shown_in_part() {
    let text = format!("name = \"{}\"\n", "x".repeat(1_000_000));
    assert!(at(&text, 7..1_000_009).len() < 1_000);
    let config = file(&["colour = 1\n", &text, NODE, OTHER_NODE, ROUTER].concat());
    assert!(config.load().expect_err("unknown keys").len() < 2_000);
}

#[test]
fn flood_of_problems_is_counted() {
    let problems = vec![Diagnostic::new(0..1, "`a` is wrong"); 60];
    let shown = rendered("a = 1\n", problems);
    assert_eq!(shown.matches("error: ").count(), 50);
    assert!(shown.ends_with("\n\n10 more problems are not shown"), "{shown}");
}

/// Texts that get further than the syntax: real files with one piece cut out and another put in.
fn damaged_file() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,8}",
        "[\\[\\]{}\"'=.,#\n\r\t ]{0,4}",
        "(true|-1|0|1e9|\"\"|\\[\\]|\\{\\}|1979-05-27)",
    ];
    (any::<prop::sample::Index>(), 0..40_usize, piece).prop_map(|(index, len, piece)| {
        let mut text = [NODE, OTHER_NODE, ROUTER, FRONTEND, BACKEND].concat();
        let start = index.index(text.len());
        let end = text.len().min(start + len);
        text.replace_range(start..end, &piece);
        text
    })
}

fn never_panics(text: String) {
    let source = Source { name: "haagent.toml".to_owned(), text };
    let choice = NodeChoice::Hostname("router-a".to_owned());
    if let Err(problems) = load(&source, &choice, &host()) {
        assert!(problems.len() > 0, "a refusal has a reason");
        assert!(problems.to_string().starts_with("error: "));
    }
}

proptest! {
    #[test]
    fn any_text_is_judged(text in any::<String>()) {
        never_panics(text);
    }

    #[test]
    fn any_damage_is_judged(text in damaged_file()) {
        never_panics(text);
    }

    #[test]
    fn any_place_can_be_shown(text in any::<String>(), start in 0..50_usize, len in 0..50_usize) {
        let problem = Diagnostic::new(start..start + len, "wrong").first_at(len..start);
        prop_assert!(rendered(&text, vec![problem]).starts_with("error: wrong"));
    }
}
