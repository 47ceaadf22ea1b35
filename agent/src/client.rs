//! The commands that talk to a running haagent: `status`, `reload` and `release`.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use vrrp::linux::{Leftovers, Netlink};

use crate::control::{self, Reply, Request};
use crate::sysctl::Sysctls;

/// Nobody answers, or something else is in the way of asking.
const UNREACHABLE: u8 = 2;

/// `haagent status`.
pub(crate) fn status(directory: &Path, json: bool) -> ExitCode {
    match control::call(directory, Request::Status) {
        Ok(Reply::Status(report)) => {
            let code = ExitCode::from(u8::from(!report.healthy));
            let text = if json {
                serde_json::to_string_pretty(&report).unwrap_or_else(|error| error.to_string())
            } else {
                report.to_string().trim_end().to_owned()
            };
            say(&text);
            code
        }
        other => unexpected(directory, other),
    }
}

/// `haagent reload`.
pub(crate) fn reload(directory: &Path, wait: bool) -> ExitCode {
    if !wait {
        return match control::send(directory, Request::Reload) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => unexpected(directory, Err(error)),
        };
    }
    match control::call(directory, Request::Reload) {
        Ok(Reply::Reloaded { revision, changes }) if changes.is_empty() => {
            say(&format!("config did not change, revision {revision} stays in force"));
            ExitCode::SUCCESS
        }
        Ok(Reply::Reloaded { revision, changes }) => {
            say(&format!("revision {revision} is in force:\n  {}", changes.join("\n  ")));
            ExitCode::SUCCESS
        }
        Ok(Reply::Rejected { problems }) => {
            complain(&format!("{problems}\n\nconfig rejected, the old one stays in force"));
            ExitCode::FAILURE
        }
        other => unexpected(directory, other),
    }
}

/// `haagent release`.
pub(crate) fn release(directory: &Path) -> ExitCode {
    if control::call(directory, Request::Status).is_ok() {
        complain(&format!(
            "error: haagent runs in `{}` and looks after its addresses\nhint: stop it first",
            directory.display()
        ));
        return ExitCode::FAILURE;
    }
    Sysctls::open(directory).restore();
    match Netlink::open().and_then(|mut netlink| netlink.remove_tagged()) {
        Ok(removed) if removed == Leftovers::default() => say("no address was left"),
        Ok(Leftovers { routes, addresses, devices }) => {
            addresses.iter().for_each(|address| say(&format!("removed {address}")));
            devices.iter().for_each(|device| say(&format!("removed {device}")));
            if routes > 0 {
                say(&format!("removed {routes} routes"));
            }
        }
        Err(error) => {
            complain(&format!(
                "error: cannot remove addresses: {error}\nhint: it takes CAP_NET_ADMIN; run it as root"
            ));
            return ExitCode::from(UNREACHABLE);
        }
    }
    ExitCode::SUCCESS
}

fn unexpected(directory: &Path, reply: io::Result<Reply>) -> ExitCode {
    let directory = directory.display();
    complain(&match reply {
        Ok(Reply::Refused { reason }) => format!("error: haagent refused: {reason}"),
        Ok(_) => "error: haagent gave an answer to another question".to_owned(),
        Err(error) if control::is_absent(&error) => format!(
            "error: haagent is not running: nobody answers in `{directory}`\n\
             hint: `--run-dir` names another directory"
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => format!(
            "error: cannot reach haagent in `{directory}`: permission denied\nhint: try it as root"
        ),
        Err(error) => format!("error: cannot reach haagent in `{directory}`: {error}"),
    });
    ExitCode::from(UNREACHABLE)
}

/// To standard output; if nobody reads it, the exit code still tells.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// To standard error.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
