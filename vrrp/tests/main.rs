//! The specification of the election and of its message.
//!
//! - `transitions`: every state meets every event, as a table.
//! - `election`, `letting_go`: stories of one router, in virtual time.
//! - `losses`: addresses that somebody else removes.
//! - `excluded`: addresses that are held and not advertised.
//! - `announcing`: what is announced when the MAC changes.
//! - `groups`: stories of one router with two links.
//! - `routes`: what comes and goes with the addresses.
//! - `duplicates`: an address that somebody else has.
//! - `consent`: a claim that somebody else must agree to.
//! - `mismatches`: what is told of settings that differ between boxes.
//! - `notifications`: the names of RFC 8347.
//! - `settings`: what a reload does.
//! - `strangers`: who else speaks VRRP on a link.
//! - `tracking`: what the outcomes of checks add up to.
//! - `version_2`: what differs in version 2.
//! - `neighbour`: ARP and neighbor discovery as bytes.
//! - `hmac`: the trailer that authenticates.
//! - `wire`: messages as bytes.
//! - `rfc9568`: what else the RFC asks for.
//! - `conformance`: every MUST of the RFC has its proof.
//! - `sequences`: laws that hold after any sequence of events.
//! - `model`: two routers, exhaustively.
//! - `lan`: several routers on a simulated, misbehaving LAN.
#![expect(unreachable_pub, reason = "the modules of one test binary use each other")]

mod announcing;
mod conformance;
mod consent;
mod duplicates;
mod election;
mod excluded;
mod groups;
mod hmac;
mod lan;
mod leaving;
mod letting_go;
mod losses;
mod mismatches;
mod model;
mod neighbour;
mod notifications;
mod rfc9568;
mod routes;
mod sequences;
mod settings;
mod settling;
mod strangers;
mod subject;
mod tracking;
mod transitions;
mod version_2;
mod wire;
