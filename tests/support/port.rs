//! Addresses for servers that are told theirs.

use std::net::{SocketAddr, TcpListener};

/// An address of this machine that nobody listens on now.
///
/// A server that can bind port 0 itself should be told to: between this call and its own, another might take the port.
///
/// # Panics
/// When the machine has no port left.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound")
}
