//! Rules about the keys that authenticate advertisements. Their files are read elsewhere, for the worker cannot.

use toml::Spanned;
use vrrp::hmac::KEYS_MAX;

use super::repeats::{Repeat, repeats};
use crate::config::diagnostic::Diagnostic;
use crate::config::file::{File, HmacTable, KeyTable};
use crate::config::model::{AuthHmac, KeyFile, Place};

/// Checks the keys of every virtual router.
pub(super) fn check(file: &File, problems: &mut Vec<Diagnostic>) {
    for router in &file.routers {
        let Some(auth) = &router.auth_hmac else { continue };
        ids_differ(auth, problems);
        if let Some(password) = &router.password {
            problems.push(
                Diagnostic::new(password.span(), "`password` and `auth_hmac` exclude each other")
                    .hint("remove the password: an HMAC proves more"),
            );
        }
        if auth.keys.as_ref().is_some_and(|keys| keys.len() > KEYS_MAX) {
            let message = format!("`auth_hmac` has more than {KEYS_MAX} keys");
            problems.push(Diagnostic::new(auth.span.clone(), message));
        }
    }
}

/// The settings of the model; `None` if a value was reported as missing.
pub(super) fn auth_hmac(table: &HmacTable) -> Option<AuthHmac> {
    let key = |key: &KeyTable| {
        let file = key.file.as_ref()?;
        Some(KeyFile {
            id: *key.id.as_ref()?.get_ref(),
            path: file.get_ref().clone(),
            place: Place(file.span()),
        })
    };
    let files = table.keys.as_ref()?.iter().map(key).collect::<Option<_>>()?;
    Some(AuthHmac { mode: *table.mode.get_ref(), files, keys: None })
}

fn ids_differ(auth: &HmacTable, problems: &mut Vec<Diagnostic>) {
    let ids = auth.keys.iter().flatten().filter_map(|key| key.id.as_ref());
    let ids = ids.map(|id: &Spanned<u8>| (*id.get_ref(), id.span()));
    for Repeat { value, span, first } in repeats(ids) {
        problems.push(
            Diagnostic::new(span, format!("key `{value}` appears twice"))
                .first_at(first)
                .hint("a new key gets a new number, so that others know which one is meant"),
        );
    }
}
