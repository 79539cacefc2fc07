//! Opening the listening socket, with an error that says when another program has the address.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::error::{DeployError, DeployErrorKind};
use crate::pause::Pauses;

/// How long to wait for an address that a killed process of ours may still hold.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Listens at `http`; where the address is in use, tries again for as long as `patience`.
pub(crate) fn listen(http: SocketAddr, patience: Duration) -> Result<TcpListener, DeployError> {
    let mut pauses = Pauses::within(patience);
    loop {
        match TcpListener::bind(http) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && pauses.pause() => {}
            listening => return listening.map_err(|error| refused(http, error)),
        }
    }
}

fn refused(http: SocketAddr, error: io::Error) -> DeployError {
    let doing = format!("listen on {http}");
    match error.kind() {
        ErrorKind::AddrInUse => DeployError::new(doing, DeployErrorKind::AddressInUse(http)),
        _ => DeployError::new(doing, error),
    }
}
