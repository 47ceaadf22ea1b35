//! A client of the proxy.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::wait::PATIENCE;

/// A connection whose every wait is bounded.
#[derive(Debug)]
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("clients are not refused")
    }

    pub(crate) fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// Connects and is served; returns the name of the server too.
    pub(crate) fn served(address: SocketAddr) -> (Self, char) {
        let mut client = Self::connect(address);
        let server = client.greeting();
        (client, server)
    }

    /// Connects and is turned away with a reset, at once or while it still connects.
    pub(crate) fn turned_away(address: SocketAddr) {
        match Self::try_connect(address) {
            Ok(mut client) => client.closed(),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
        }
    }

    /// The name of the server, which is the first thing it says.
    pub(crate) fn greeting(&mut self) -> char {
        self.hear().expect("a server greets").into()
    }

    /// Says a byte and hears it again.
    pub(crate) fn ping(&mut self) {
        self.0.write_all(b"?").expect("the session goes on");
        assert_eq!(self.hear().expect("the session goes on"), b'?');
    }

    /// Has nothing more to say, and waits for the server to say the same.
    pub(crate) fn finish(mut self) {
        self.0.shutdown(Shutdown::Write).expect("the session is open");
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("an orderly end");
        assert_eq!(rest, b"", "an echo says nothing of its own");
    }

    /// Waits until the proxy ends the session, in whichever way.
    pub(crate) fn closed(&mut self) {
        match self.hear() {
            Ok(byte) => panic!("heard {byte} where the end was expected"),
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
                ),
                "never closed: {error}"
            ),
        }
    }

    fn hear(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.0.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}
