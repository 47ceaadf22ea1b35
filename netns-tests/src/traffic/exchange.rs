//! One HTTP request and its answer, as a client sees it.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the client wants to become of the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// The server closes it.
    Close,
    /// The next request follows on it.
    KeepAlive,
}

/// An answer that is longer is none of our servers'.
const ANSWER_MAX: usize = 4096;

/// Asks once on an open connection and returns the body: the name of the server that answered.
///
/// # Errors
/// Those of the connection; `UnexpectedEof` when it ends before the answer does.
pub async fn ask(stream: &mut TcpStream, afterwards: Afterwards) -> io::Result<String> {
    let connection = match afterwards {
        Afterwards::Close => "close",
        Afterwards::KeepAlive => "keep-alive",
    };
    let request = format!("GET / HTTP/1.1\r\nHost: lab\r\nConnection: {connection}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(ANSWER_MAX);
    loop {
        if let Some(body) = body(&answer)? {
            return Ok(body);
        }
        if answer.len() >= ANSWER_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "the answer is too long"));
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The body of a complete answer, `None` while some of it is missing.
fn body(answer: &[u8]) -> io::Result<Option<String>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&answer[..end]);
    let unexpected =
        || io::Error::new(ErrorKind::InvalidData, "the answer is none of our servers'");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).ok_or_else(unexpected)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(unexpected());
    }
    let body = answer.get(end + 4..end + 4 + length);
    Ok(body.map(|body| String::from_utf8_lossy(body).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(body(&answer[..10]).expect("incomplete"), None);
        assert_eq!(body(&answer[..answer.len() - 1]).expect("incomplete"), None);
        assert_eq!(body(answer).expect("complete").as_deref(), Some("abc"));
    }

    #[test]
    fn an_error_page_is_no_answer() {
        assert!(body(b"HTTP/1.1 503 Sorry\r\nContent-Length: 0\r\n\r\n").is_err());
    }
}
