//! The TCP socket that requests come to, opened here or inherited.

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use rustix::net::sockopt;

use crate::error::ServeError;

/// A listening socket, ready to be served.
///
/// A supervisor opens it once and hands it to each server that it starts: while a server is replaced, connections
/// wait in the socket's backlog, and none is refused.
#[derive(Debug)]
pub struct PreparedListener {
    pub(crate) socket: TcpListener,
    pub(crate) address: SocketAddr,
    /// Whether another server may still be accepting from the same socket.
    pub(crate) inherited: bool,
}

impl PreparedListener {
    /// Opens a socket at `address`; port 0 lets the system choose one.
    ///
    /// # Errors
    /// [`ServeError::is_address_in_use`] when another program has the port; otherwise what the system says.
    pub fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let socket = TcpListener::bind(address);
        Self::new(socket.map_err(|error| ServeError::listen(address.to_string(), error))?)
    }

    /// Takes the listening TCP socket that the parent process left open under the number `fd`.
    ///
    /// The server that it is given to accepts no connection before its models are up: meanwhile they wait in the
    /// backlog, or go to the server that it is to replace.
    ///
    /// The descriptor is duplicated, so that the duplicate closes with the server and is not inherited further. Each
    /// number can be taken once.
    ///
    /// # Errors
    /// When the number is a standard stream, was taken before, or is no listening TCP socket.
    pub fn inherited(fd: RawFd) -> Result<Self, ServeError> {
        let socket = take_inherited(fd);
        let prepared = Self::new(socket.map_err(|error| ServeError::listen(format!("descriptor {fd}"), error))?)?;
        Ok(Self { inherited: true, ..prepared })
    }

    fn new(socket: TcpListener) -> Result<Self, ServeError> {
        let prepared = socket.set_nonblocking(true).and_then(|()| socket.local_addr());
        let address = prepared.map_err(|error| ServeError::listen("socket".to_owned(), error))?;
        Ok(Self { socket, address, inherited: false })
    }

    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl TryFrom<TcpListener> for PreparedListener {
    type Error = ServeError;

    fn try_from(socket: TcpListener) -> Result<Self, Self::Error> {
        Self::new(socket)
    }
}

fn take_inherited(fd: RawFd) -> io::Result<TcpListener> {
    static TAKEN: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());
    if fd <= 2 || !TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(fd) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a descriptor to take"));
    }
    // SAFETY: the descriptor is only borrowed, and only to be duplicated; a number that is not open makes the
    // duplication fail with EBADF. The parent left it to this process, so nothing here closes it meanwhile.
    let inherited = unsafe { BorrowedFd::borrow_raw(fd) };
    let socket = inherited.try_clone_to_owned()?;
    if !sockopt::socket_acceptconn(&socket)? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a listening socket"));
    }
    Ok(TcpListener::from(socket))
}
