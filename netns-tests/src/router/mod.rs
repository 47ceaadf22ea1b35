//! The boxes under test: what they are told, how they are started and stopped, what they report.

pub mod contender;
pub mod keepalived;
pub mod process;
pub mod settings;
pub mod status;
