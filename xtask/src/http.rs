//! A keep-alive HTTP/1.1 client in a hundred lines: enough to ask a model server, and to notice every way it can fail.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// No answer of a healthy server takes longer; a longer wait is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer that is read into memory.
const MAX_BODY_BYTES: usize = 16 << 20;

/// One connection that stays open from request to request.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// What came back for one request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The server announced that it closes the connection after this answer.
    pub(crate) last: bool,
}

impl Connection {
    /// Opens a connection.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { address, stream: BufReader::new(stream) })
    }

    /// Sends one request and reads its answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat()).context("send a request")?;
        self.answer().with_context(|| format!("read the answer to {method} {path}"))
    }

    fn answer(&mut self) -> Result<Answer> {
        let opening = self.line()?;
        let status = opening.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("not a status line: {opening:?}"))?;
        let (mut length, mut last) = (0, false);
        while let Some((name, value)) = self.header()? {
            match name.as_str() {
                "content-length" => length = value.parse().context("not a length")?,
                "connection" => last = value.eq_ignore_ascii_case("close"),
                "transfer-encoding" => bail!("an answer of unknown length"),
                _ => {}
            }
        }
        ensure!(length <= MAX_BODY_BYTES, "an answer of {length} bytes");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, body, last })
    }

    fn header(&mut self) -> Result<Option<(String, String)>> {
        let line = self.line()?;
        if line.is_empty() {
            return Ok(None);
        }
        let (name, value) = line.split_once(':').with_context(|| format!("not a header: {line:?}"))?;
        Ok(Some((name.to_ascii_lowercase(), value.trim().to_owned())))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "the server closed the connection");
        Ok(line.trim_end().to_owned())
    }
}

/// Asks once, on a connection of its own, and expects JSON and success.
pub(crate) fn json(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Result<Value> {
    let answer = Connection::open(address)?.ask(method, path, body)?;
    let text = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == 200, "{method} {path} was answered {}: {text}", answer.status);
    serde_json::from_slice(&answer.body).with_context(|| format!("{method} {path} was not answered in JSON: {text}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that says one thing and closes.
    fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            stream.write_all(answer.as_bytes()).expect("the client reads");
        });
        address
    }

    #[test]
    fn reads_an_answer() {
        let address = server("HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{\"a\": 1}");
        assert_eq!(json(address, "GET", "/", b"").expect("a good answer")["a"], 1);
    }

    #[test]
    fn rejects_what_no_healthy_server_says() {
        let cases = [
            ("", "closed the connection"),
            ("hello\r\n\r\n", "not a status line"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", "failed to fill"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "an answer of"),
            ("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}", "answered 503"),
        ];
        for (answer, expected) in cases {
            let error = format!("{:#}", json(server(answer), "GET", "/", b"").expect_err(expected));
            assert!(error.contains(expected), "{error} does not say {expected}");
        }
    }
}
