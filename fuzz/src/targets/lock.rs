//! A lock file.

use briq_spec::lock::Lock;

/// What is read is written as something that reads as the same.
pub fn lock(bytes: &[u8]) {
    let text = super::text(bytes);
    if let Ok(lock) = Lock::parse(text) {
        assert_eq!(Lock::parse(&lock.print()).expect("it was written"), lock);
    }
}
