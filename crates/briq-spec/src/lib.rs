//! briq-spec
