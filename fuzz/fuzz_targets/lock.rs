//! A lock file: what is read is written as something that reads as the same.

#![no_main]

use briq_spec::lock::Lock;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(lock) = Lock::parse(text) {
        assert_eq!(Lock::parse(&lock.print()).expect("it was written"), lock);
    }
});
