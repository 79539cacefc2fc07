//! A provenance statement.

use briq_spec::provenance::Statement;

use crate::sample;

/// What is read is written as something that reads as the same.
pub fn provenance(bytes: &[u8]) {
    if let Ok(statement) = Statement::from_json(bytes) {
        assert_eq!(Statement::from_json(&statement.to_json()).expect("it was written"), statement);
        let _ = statement.check(sample::PACKAGE.manifest());
    }
}
