//! The server behind the proxies: says again what it is told, or talks without end.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

use crate::failure::{OrFail, Result};

/// Serves until the runtime ends.
#[derive(Debug)]
pub(super) struct Origin {
    /// Says again what it is told.
    pub(super) echo: SocketAddr,
    /// Sends for as long as anybody listens.
    pub(super) source: SocketAddr,
}

impl Origin {
    pub(super) async fn start() -> Result<Self> {
        Ok(Self { echo: serve(echo).await?, source: serve(talk).await? })
    }
}

async fn serve<F: Future<Output = std::io::Result<()>> + 'static>(
    answer: impl Fn(TcpStream) -> F + 'static,
) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.or_fail("cannot listen")?;
    let address = listener.local_addr().or_fail("cannot name a socket")?;
    spawn_local(async move {
        loop {
            // An error is that of one client, or of the load, which tells of it.
            if let Ok((stream, _)) = listener.accept().await {
                spawn_local(answer(stream));
            }
        }
    });
    Ok(address)
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 256];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length]).await?;
    }
}

async fn talk(mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        stream.write_all(&ZEROS).await?;
    }
}

static ZEROS: [u8; 256 << 10] = [0; 256 << 10];
