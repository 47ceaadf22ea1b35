//! The proxy on loopback, with real sockets on free ports.

mod bed;
mod closing;
mod health;
mod limits;
mod reload;
mod servers;
mod transfer;
