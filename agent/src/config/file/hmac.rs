//! The `auth_hmac` of a virtual router, and the keys in it.

use std::path::PathBuf;

use toml::Spanned;
use vrrp::hmac::HmacMode;

use crate::config::diagnostic::Span;
use crate::config::reader::Reader;
use crate::config::value;

/// An `auth_hmac`: the keys that authenticate advertisements.
pub(in crate::config) struct HmacTable {
    pub(in crate::config) span: Span,
    pub(in crate::config) mode: Spanned<HmacMode>,
    pub(in crate::config) keys: Option<Vec<KeyTable>>,
}

impl HmacTable {
    pub(super) fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            span: reader.span(),
            mode: reader.optional_or("mode", value::one_of(HMAC_MODES), HmacMode::Enforce),
            keys: reader.required_tables("key", KeyTable::read),
        }
    }
}

/// One of the keys: a number, and the file that has it.
pub(in crate::config) struct KeyTable {
    pub(in crate::config) id: Option<Spanned<u8>>,
    pub(in crate::config) file: Option<Spanned<PathBuf>>,
}

impl KeyTable {
    fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            id: reader.required("id", value::integer(1..=255)),
            file: reader.required("file", value::path),
        }
    }
}

const HMAC_MODES: &[(&str, HmacMode)] = &[
    ("enforce", HmacMode::Enforce),
    ("permissive", HmacMode::Permissive),
    ("receive-only", HmacMode::ReceiveOnly),
];
