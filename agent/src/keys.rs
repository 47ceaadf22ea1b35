//! The files with the keys that authenticate advertisements.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use vrrp::hmac::{HmacKey, HmacKeys};

use crate::config::{AuthHmac, Config, Diagnostic, KeyFile};

/// Fills in the keys that the config names; returns what is wrong with their files.
pub(crate) fn read(config: &mut Config) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for auth in config.routers.iter_mut().filter_map(|router| router.auth_hmac.as_mut()) {
        auth.keys = read_all(auth, &mut problems);
    }
    problems
}

/// `None` if a problem was found.
fn read_all(auth: &AuthHmac, problems: &mut Vec<Diagnostic>) -> Option<HmacKeys> {
    let mut keys = Vec::new();
    for file in &auth.files {
        match read_key(file) {
            Ok(key) => keys.push(key),
            Err((message, hint)) => {
                problems.push(Diagnostic::new(file.place.0.clone(), message).maybe_hint(hint));
            }
        }
    }
    HmacKeys::new(keys)
}

/// The key in a file, or a complaint and a way out. None of them shows what is in the file.
fn read_key(file: &KeyFile) -> Result<HmacKey, (String, Option<String>)> {
    let path = &file.path;
    let shown = path.display();
    let (mode, text) =
        read_file(path).map_err(|error| (format!("cannot read key `{shown}`: {error}"), None))?;
    if mode & 0o007 != 0 {
        let hint = format!("`chmod o-rwx {shown}`: it is to be root's");
        return Err((format!("key `{shown}` can be read or written by everybody"), Some(hint)));
    }
    let key = secret(&text).and_then(|secret| HmacKey::new(file.id, &secret));
    key.ok_or_else(|| {
        let hint = "`(echo -n hex:; openssl rand -hex 32) >` that file makes one";
        (format!("key `{shown}` does not have 32 to 64 octets"), Some(hint.to_owned()))
    })
}

fn read_file(path: &Path) -> io::Result<(u32, Vec<u8>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = Vec::new();
    file.take(FILE_MAX).read_to_end(&mut text)?;
    Ok((fs::Permissions::mode(&metadata.permissions()), text))
}

/// As keepalived reads it: the octets in hexadecimal behind `hex:`, or the text itself. The end of the line is none of
/// it.
fn secret(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let Some(digits) = text.strip_prefix(b"hex:") else { return Some(text.to_vec()) };
    let (pairs, rest) = digits.as_chunks::<2>();
    let octet = |pair: &[u8; 2]| {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        u8::try_from(high? << 4 | low?).ok()
    };
    if rest.is_empty() { pairs.iter().map(octet).collect() } else { None }
}

/// Twice the longest key in hexadecimal.
const FILE_MAX: u64 = 264;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Change, NodeChoice, Place, Source};
    use crate::host::HostFacts;

    #[test]
    fn keys_are_read_as_keepalived_reads_them() {
        assert_eq!(secret(b"hex:00ffA5\n"), Some(vec![0, 0xff, 0xa5]));
        assert_eq!(secret(b" a passphrase\r\n"), Some(b"a passphrase".to_vec()));
        assert_eq!(secret(b"hex:0"), None);
        assert_eq!(secret(b"hex:0g"), None);
    }

    #[test]
    fn a_changed_file_is_a_change_of_its_router() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("key");
        let text = CONFIG.replace("KEY", &path.display().to_string());
        let source = Source { name: "haagent.toml".to_owned(), text };
        let choice = NodeChoice::Named("a".to_owned());
        let load = |key: &str| {
            fs::write(&path, key).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
            let config = config::load(&source, &choice, &HostFacts::Unknown);
            let mut config = config.unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(read(&mut config).len(), 0);
            config
        };
        let (old, new) = (load(&"a".repeat(32)), load(&"b".repeat(32)));
        assert_eq!(config::diff(&old, &load(&"a".repeat(32))), []);
        let changes = config::diff(&old, &new);
        assert!(matches!(changes[..], [Change::RouterChanged(_)]), "{changes:?}");
        assert!(!format!("{changes:?}").contains("bbb"), "{changes:?}");
    }

    const CONFIG: &str = r#"
[[node]]
name = "a"
address = "192.0.2.2"
priority = 100

[[virtual_router]]
name = "web"
vrid = 51
interface = "eth0"
addresses = ["192.0.2.1/24"]
auth_hmac = { key = [{ id = 1, file = "KEY" }] }
"#;

    #[test]
    fn files_that_everybody_reads_are_refused_and_no_message_shows_the_key() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("key");
        let file = KeyFile { id: 1, path: path.clone(), place: Place(0..0) };
        assert!(read_key(&file).expect_err("absent").0.contains("No such file"));
        let cases: [(&str, u32, Option<&str>); 4] = [
            ("0123456789abcdef0123456789abcdef\n", 0o600, None),
            ("0123456789abcdef0123456789abcdef", 0o640, None),
            ("0123456789abcdef0123456789abcdef", 0o644, Some("by everybody")),
            ("0123456789abcdef", 0o600, Some("32 to 64 octets")),
        ];
        for (text, mode, complaint) in cases {
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
            match (read_key(&file), complaint) {
                (Ok(key), None) => assert_eq!(key.id(), 1),
                (Err((message, _)), Some(complaint)) => {
                    assert!(message.contains(complaint) && !message.contains("0123"), "{message}");
                }
                (outcome, _) => panic!("{text:?} {mode:o}: {outcome:?}"),
            }
        }
    }
}
