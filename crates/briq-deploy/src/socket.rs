//! Unix sockets: addresses of any length, one JSON object on each line, bounded in size.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest message in bytes.
const MAX_MESSAGE_BYTES: u64 = 64 << 10;

/// The longest path that fits a socket address (`sun_path` less its NUL, unix(7)).
pub(crate) const MAX_ADDRESS_BYTES: usize = 107;

/// Binds, after removing what a killed process left; the caller holds the lock that makes it the only owner.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    remove(path)?;
    reach(path, |address| UnixListener::bind(address))
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    reach(path, |address| UnixStream::connect(address))
}

/// Sends a request and reads its answer; `timeout` is for the answer, `None` waits as long as the other end lives.
pub(crate) fn ask<Q: Serialize, A: DeserializeOwned>(
    path: &Path,
    request: &Q,
    timeout: Option<Duration>,
) -> io::Result<A> {
    let mut stream = connect(path)?;
    stream.set_read_timeout(timeout)?;
    send(&mut stream, request)?;
    receive(&stream)
}

pub(crate) fn send(stream: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Reads one message. An end of the stream before one is [`ErrorKind::UnexpectedEof`], anything that is no message
/// [`ErrorKind::InvalidData`].
pub(crate) fn receive<A: DeserializeOwned>(stream: &UnixStream) -> io::Result<A> {
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_MESSAGE_BYTES)).read_until(b'\n', &mut line)?;
    match line.pop() {
        Some(b'\n') => serde_json::from_slice(&line).map_err(|error| io::Error::new(ErrorKind::InvalidData, error)),
        Some(_) if line.len() as u64 + 1 >= MAX_MESSAGE_BYTES => {
            Err(io::Error::new(ErrorKind::InvalidData, "message too long"))
        }
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// A path that is too long for an address is reached through a descriptor of its folder.
fn reach<T>(path: &Path, use_address: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= MAX_ADDRESS_BYTES {
        return use_address(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "no path of a socket"));
    };
    let folder = File::open(folder)?;
    let address: PathBuf =
        ["/proc/self/fd".as_ref(), folder.as_raw_fd().to_string().as_ref(), Path::new(name)].iter().collect();
    use_address(&address)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends where it fails")]
    use super::*;

    fn pair(bytes: &[u8]) -> io::Result<String> {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        writer.write_all(bytes).unwrap();
        drop(writer);
        receive(&reader)
    }

    #[test]
    fn rejects_what_is_no_message() {
        assert_eq!(pair(b"\"yes\"\n").unwrap(), "yes");
        assert_eq!(pair(b"").unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(pair(b"\"yes\"").unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(pair(b"\"yes\n").unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(pair(b"7\n").unwrap_err().kind(), ErrorKind::InvalidData);
        let long = vec![b'x'; usize::try_from(MAX_MESSAGE_BYTES).unwrap()];
        assert_eq!(pair(&long).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn reaches_a_socket_whose_path_is_too_long_for_an_address() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a".repeat(100)).join("b".repeat(100));
        std::fs::create_dir_all(&deep).unwrap();
        let path = deep.join("control.sock");
        let listener = bind(&path).unwrap();
        let mut client = connect(&path).unwrap();
        send(&mut client, &"hello").unwrap();
        let (server, _) = listener.accept().unwrap();
        assert_eq!(receive::<String>(&server).unwrap(), "hello");
    }
}
