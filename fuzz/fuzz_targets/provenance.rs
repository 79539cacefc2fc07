//! A provenance statement: what is read is written as something that reads as the same.

#![no_main]

use briq_fuzz::sample;
use briq_spec::provenance::Statement;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(statement) = Statement::from_json(bytes) {
        assert_eq!(Statement::from_json(&statement.to_json()).expect("it was written"), statement);
        let _ = statement.check(sample::PACKAGE.manifest());
    }
});
