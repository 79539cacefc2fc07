//! A package that is a text file: a line for each thing that happens when it is loaded.
//!
//! ```text
//! hold PATH       connect to the Unix socket PATH and wait until the other end closes the connection
//! refuse REASON   fail the golden examples
//! die             end the process
//! 1.2.3           the version that it serves as
//! ```

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;

use briq_spec::Blake3Digest;
use briq_spec::semver::Version;

/// Loads a package; the version, or the reason why it is refused.
pub(crate) fn load(home: &Path, digest: &Blake3Digest) -> Result<Version, String> {
    let path = home.join("packages").join(digest.to_hex());
    let text = std::fs::read_to_string(&path).map_err(|error| format!("no package {digest}: {error}"))?;
    let mut version = Err("the package has no version".to_owned());
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("hold", socket)) => hold(socket).map_err(|error| error.to_string())?,
            Some(("refuse", reason)) => return Err(reason.to_owned()),
            _ if line == "die" => std::process::abort(),
            _ => version = line.parse().map_err(|error| format!("{line}: {error}")),
        }
    }
    version
}

fn hold(socket: &str) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}
