//! `haagent check`: is the config good, for this box, right now?

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::bind;
use crate::config::{self, Config, Diagnostic, Diagnostics, Hook, NodeChoice, Source};
use crate::control::{self, Reply, Request};
use crate::host::{self, HostFacts};
use crate::keys;
use crate::track;

/// Checks the file as the named node, or as the one with this host's name, and says what is wrong.
pub(crate) fn run(path: &Path, node: Option<String>, run_directory: &Path) -> ExitCode {
    let verdict = match host::read_facts() {
        Ok(host) => judge(path, &host::node_choice(node), &host, run_directory),
        Err(error) => Verdict::Unchecked {
            error: format!("cannot read the interfaces of this host: {error}"),
            hint: None,
        },
    };
    // Nothing is left to do if our output is closed; the exit code still tells.
    let _ = verdict.print(&mut io::stdout(), &mut io::stderr());
    verdict.code().into()
}

/// All that `check` and `run` ask of a config before it may take effect.
pub(crate) fn problems_in(
    source: &Source,
    node: &NodeChoice,
    host: &HostFacts,
) -> Result<Config, Diagnostics> {
    let mut config = config::load(source, node, host)?;
    let problems: Vec<_> = match host {
        HostFacts::Known { .. } => {
            let keys = keys::read(&mut config).into_iter();
            let hooks = config.hooks().filter_map(refusal_of);
            keys.chain(hooks).chain(track::command_problems(&config)).collect()
        }
        HostFacts::Unknown => Vec::new(),
    };
    if problems.is_empty() { Ok(config) } else { Err(Diagnostics::new(source, problems)) }
}

/// Why this command must not be run, if it must not.
fn refusal_of(hook: &Hook) -> Option<Diagnostic> {
    let refusal = hook.command.check().err()?;
    let hint = refusal.hint().map(str::to_owned);
    Some(Diagnostic::new(hook.place.clone(), refusal.to_string()).maybe_hint(hint))
}

/// Logs what is not yet so on this host.
pub(crate) fn warn_of(config: &Config) {
    if let Some(warnings) = &config.warnings {
        tracing::warn!("the config is in force, but:\n{warnings}");
    }
}

fn judge(path: &Path, node: &NodeChoice, host: &HostFacts, run_directory: &Path) -> Verdict {
    match Source::read(path) {
        Ok(source) => match problems_in(&source, node, host)
            .and_then(|config| free_to_bind(config, &source, run_directory))
        {
            Ok(config) => Verdict::Good {
                summary: format!("{}: ok, {}", source.name, summary(&config)),
                warnings: config.warnings,
            },
            Err(problems) => Verdict::Bad(problems),
        },
        Err(error) => Verdict::Unchecked { hint: error.hint(), error: error.to_string() },
    }
}

/// Finds addresses that somebody else listens on. What a running haagent listens on is no problem; if it
/// cannot be asked, nothing is tried.
fn free_to_bind(
    config: Config,
    source: &Source,
    run_directory: &Path,
) -> Result<Config, Diagnostics> {
    let ours: Vec<_> = match control::call(run_directory, Request::Status) {
        Ok(Reply::Status(report)) => report.binds().collect(),
        Err(error) if control::is_absent(&error) => Vec::new(),
        Ok(_) | Err(_) => return Ok(config),
    };
    let others = config.binds.iter().filter(|bind| !ours.contains(&bind.address));
    let problems: Vec<_> = others.filter_map(bind::conflict_of).collect();
    if problems.is_empty() { Ok(config) } else { Err(Diagnostics::new(source, problems)) }
}

enum Verdict {
    /// The config is good; the summary says what is in it, the warnings what is not yet so on this host.
    Good {
        summary: String,
        warnings: Option<Diagnostics>,
    },
    Bad(Diagnostics),
    /// It cannot be told.
    Unchecked {
        error: String,
        hint: Option<&'static str>,
    },
}

impl Verdict {
    fn code(&self) -> u8 {
        match self {
            Self::Good { .. } => 0,
            Self::Bad(_) => 1,
            Self::Unchecked { .. } => 2,
        }
    }

    fn print(&self, out: &mut impl Write, err: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Good { summary, warnings } => {
                if let Some(warnings) = warnings {
                    writeln!(err, "{warnings}\n")?;
                }
                writeln!(out, "{summary}")
            }
            Self::Bad(problems) => {
                writeln!(err, "{problems}\n\n{}", count(problems.len(), "problem"))
            }
            Self::Unchecked { error, hint } => {
                writeln!(err, "error: {error}")?;
                hint.map_or(Ok(()), |hint| writeln!(err, "hint: {hint}"))
            }
        }
    }
}

fn summary(config: &Config) -> impl Display {
    let proxy = &config.proxy;
    let servers = proxy.backends.iter().map(|backend| backend.servers.len()).sum();
    [
        count(config.routers.len(), "virtual router"),
        count(proxy.frontends.len(), "frontend"),
        count(proxy.backends.len(), "backend"),
        count(servers, "server"),
    ]
    .join(", ")
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::path::PathBuf;

    use super::*;

    /// A config file in a directory of its own, where no haagent runs.
    struct Bed(tempfile::TempDir);

    impl Bed {
        fn with(text: &str) -> Self {
            let bed = Self(tempfile::tempdir().expect("scratch directory"));
            std::fs::write(bed.file(), text).expect("scratch file");
            bed
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("haagent.toml")
        }

        /// The exit code, and what is on standard output and on standard error.
        fn check(&self, file: &Path) -> (u8, String, String) {
            let node = NodeChoice::Hostname("box".to_owned());
            let verdict = judge(file, &node, &HostFacts::Unknown, self.0.path());
            let (mut out, mut err) = (Vec::new(), Vec::new());
            verdict.print(&mut out, &mut err).expect("memory takes everything");
            let text = |bytes| String::from_utf8(bytes).expect("text");
            (verdict.code(), text(out), text(err))
        }
    }

    fn proxy_at(port: u16) -> String {
        format!(
            "[[frontend]]\nname = \"web\"\nbind = [\"127.0.0.1:{port}\"]\nbackend = \"web\"\n\n\
             [[backend]]\nname = \"web\"\nserver = [\n  \
             {{ name = \"s1\", address = \"192.0.2.1:80\" }},\n  \
             {{ name = \"s2\", address = \"192.0.2.2:80\" }},\n]\n"
        )
    }

    fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        (listener, port)
    }

    #[test]
    fn good_file_is_summed_up() {
        let (listener, port) = listener();
        drop(listener);
        let bed = Bed::with(&proxy_at(port));
        let (code, out, err) = bed.check(&bed.file());
        assert_eq!((code, &*err), (0, ""));
        assert!(
            out.ends_with(
                "haagent.toml: ok, 0 virtual routers, 1 frontend, 1 backend, 2 servers\n"
            ),
            "{out}"
        );
    }

    #[test]
    fn problems_are_shown_and_counted() {
        let bed = Bed::with("[[frontend]]\nname = \"web\"\nbind = [\"127.0.0.1:80\"]\n");
        let (code, out, err) = bed.check(&bed.file());
        assert_eq!((code, &*out), (1, ""));
        assert!(err.starts_with("error: `backend` is missing\n"), "{err}");
        assert!(err.contains("haagent.toml:1:1\n"), "{err}");
        assert!(err.ends_with("\n\n1 problem\n"), "{err}");
    }

    #[test]
    fn port_in_use_is_a_problem_at_its_place() {
        let (_listener, port) = listener();
        let bed = Bed::with(&proxy_at(port));
        let (code, _, err) = bed.check(&bed.file());
        assert_eq!(code, 1);
        assert!(err.contains("haagent.toml:3:9\n"), "{err}");
    }

    #[test]
    fn unreadable_file_cannot_be_checked() {
        let bed = Bed::with("");
        let (code, out, err) = bed.check(Path::new("/nonexistent/haagent.toml"));
        assert_eq!((code, &*out), (2, ""));
        assert_eq!(
            err,
            "error: cannot read `/nonexistent/haagent.toml`: no such file\n\
             hint: `-f FILE` names another file\n"
        );
    }
}
