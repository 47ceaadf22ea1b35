//! A lab of network namespaces, in which the real `haagent` binary is put through its paces.
//!
//! It knows the binary only: its commands, its config file and its status report. Read
//! [`sandbox`] (how nothing touches the host), [`lab`] (the machines and cables), [`traffic`]
//! (what clients notice), [`pair`] (two boxes at work), and then any of the [`drills`].
//!
//! `cargo demo` shows seven events in less than half a minute, `cargo test` runs the drills that
//! need no foreign program, and `cargo drills` runs all of them. `cargo peers` is the benchmark
//! ([`peers`]). Where no namespaces can be had, the tests are skipped, unless `CI` or `HAAGENT_REQUIRE_LAB` is set: then that is a failure. With
//! `HAAGENT_LAB_LOGS` set, the logs of the boxes are shown also when all went well.

pub mod binary;
pub mod clock;
pub mod comparison;
pub mod contest;
pub mod demo;
pub mod drills;
pub mod failure;
pub mod lab;
pub mod pair;
pub mod peers;
pub mod program;
pub mod report;
pub mod router;
pub mod runner;
pub mod sandbox;
pub mod traffic;
pub mod verdict;
