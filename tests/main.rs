//! End-to-end tests: the real `haagent` on loopback, without privileges.
//!
//! Each test has a [`bed`] of its own: its ports, its directory, its servers, its processes. Nothing is
//! waited for by sleeping, and no test depends on how fast the machine is: what must happen is polled
//! for with a generous deadline, and times are asserted as lower bounds only.
//!
//! Virtual routers need privileges; the drills of `netns-tests` are about them.

mod bed;

mod balance;
mod check;
mod drain;
mod exec;
mod health;
mod reload;
mod retry;
mod run;
mod status;
mod supervisor;
mod tcp;
mod worker;
