//! Commands that run when addresses come and go.

use std::time::Duration;

use super::router;
use crate::config::Stage;

#[test]
fn a_hook_is_one_command_or_several() {
    let config = router(
        r#"hooks = { after_active = { command = ["/bin/logger", "-t", "ha"] }, after_release = [{ command = ["/bin/true"], user = "daemon", timeout = "1s" }, { command = ["/bin/false"] }] }"#,
    )
    .loads();
    let hooks = &config.routers[0].hooks;
    let [hook] = hooks.of(Stage::AfterActive) else { panic!("one command") };
    assert_eq!(hook.command.argv, ["/bin/logger", "-t", "ha"]);
    assert_eq!((&hook.command.user, hook.command.timeout), (&None, Duration::from_secs(5)));
    let after_release = hooks.of(Stage::AfterRelease);
    assert_eq!(after_release.len(), 2);
    assert_eq!(after_release[0].command.user.as_deref(), Some("daemon"));
    assert_eq!(hooks.time_of(Stage::AfterRelease), Some(Duration::from_secs(6)));
    assert_eq!(hooks.time_of(Stage::BeforeActive), None);
}

#[test]
fn a_hook_is_no_shell_line() {
    router(r#"hooks = { after_active = { command = "logger -t ha" } }"#).is_refused_with(
        r#"
error: `command` must be an array, not a string
 --> haagent.toml:6:38
  |
6 | hooks = { after_active = { command = "logger -t ha" } }
  |                                      ^^^^^^^^^^^^^^
  |
hint: write `command = [".."]`
"#,
    );
}

#[test]
fn a_hook_of_an_unknown_name() {
    router(r#"hooks = { after_actve = { command = ["/bin/true"] } }"#).is_refused_with(
        r#"
error: unknown key `after_actve`
 --> haagent.toml:6:11
  |
6 | hooks = { after_actve = { command = ["/bin/true"] } }
  |           ^^^^^^^^^^^
  |
hint: did you mean `after_active`?
"#,
    );
}

#[test]
fn a_hook_may_not_last_for_ever() {
    router(r#"hooks = { after_active = { command = ["/bin/true"], timeout = "2m" } }"#)
        .is_refused_with(
            r#"
error: timeout `2m` is out of range
 --> haagent.toml:6:63
  |
6 | hooks = { after_active = { command = ["/bin/true"], timeout = "2m" } }
  |                                                               ^^^^
  |
hint: the range is `10ms` to `1m`
"#,
        );
}
