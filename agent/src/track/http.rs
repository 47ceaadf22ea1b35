//! Whether a server takes connections, and how it answers a request.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vrrp::track::Outcome;

use super::sample::{failure, success};
use crate::config::Http;

/// A status line is shorter.
const STATUS_LINE_MAX: usize = 256;

/// Opens a connection and throws it away.
pub(super) async fn tcp(address: SocketAddr) -> Outcome {
    match connect(address).await {
        Ok(_) => success("connected"),
        Err(error) => failure(reason(&error)),
    }
}

/// Asks for the page and looks at the status.
pub(super) async fn get(request: &Http) -> Outcome {
    match status(request).await {
        Ok(status) if is_good(status, request.status) => success(format!("status {status}")),
        Ok(status) => failure(format!("status {status}")),
        Err(error) => failure(reason(&error)),
    }
}

fn is_good(status: u16, wanted: Option<u16>) -> bool {
    wanted.map_or_else(|| (200..400).contains(&status), |wanted| status == wanted)
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // A reset instead of a FIN leaves no TIME_WAIT behind, check after check.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(stream)
}

async fn status(Http { url, .. }: &Http) -> io::Result<u16> {
    let mut stream = connect(url.address).await?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: haagent\r\nConnection: close\r\n\r\n",
        url.path, url.address
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while answer.len() < STATUS_LINE_MAX && !answer.contains(&b'\n') {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    parse_status(&answer).ok_or_else(|| io::Error::other("the answer is no HTTP"))
}

/// The status of `HTTP/1.1 200 OK`.
fn parse_status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let (version, rest) = line.split_once(' ')?;
    let status = rest.get(..3)?;
    let ends = rest[3..].chars().next().is_none_or(char::is_whitespace);
    (version.starts_with("HTTP/1.") && ends).then(|| status.parse().ok())?
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Url;

    #[test]
    fn status_lines_are_read() {
        let cases: [(&[u8], Option<u16>); 8] = [
            (b"HTTP/1.1 200 OK\r\nServer: x\r\n", Some(200)),
            (b"HTTP/1.0 503\r\n", Some(503)),
            (b"HTTP/1.1 204", Some(204)),
            (b"HTTP/1.1 20000\r\n", None),
            (b"HTTP/2 200\r\n", None),
            (b"SSH-2.0-OpenSSH\r\n", None),
            (b"\xff\xfe", None),
            (b"", None),
        ];
        for (answer, status) in cases {
            assert_eq!(parse_status(answer), status, "{}", answer.escape_ascii());
        }
    }

    /// A server that answers one request, with this.
    async fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = [0; 512];
            let length = stream.read(&mut request).await.expect("a request");
            assert!(request[..length].starts_with(b"GET /health?full HTTP/1.1\r\nHost: 127."));
            stream.write_all(answer.as_bytes()).await.expect("sent");
        });
        address
    }

    async fn ask(answer: &'static str, status: Option<u16>) -> Outcome {
        let url = Url { address: server(answer).await, path: "/health?full".to_owned() };
        get(&Http { url, status }).await
    }

    #[tokio::test]
    async fn the_status_decides() {
        assert_eq!(ask("HTTP/1.1 302 Found\r\n\r\n", None).await, success("status 302"));
        assert_eq!(ask("HTTP/1.1 404 No\r\n\r\n", None).await, failure("status 404"));
        assert_eq!(ask("HTTP/1.1 404 No\r\n\r\n", Some(404)).await, success("status 404"));
        assert_eq!(ask("+OK POP3 ready\r\n", None).await, failure("the answer is no HTTP"));
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        assert_eq!(tcp(address).await, success("connected"));
        drop(listener);
        assert_eq!(tcp(address).await, failure("connection refused"));
    }
}
