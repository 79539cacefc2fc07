//! briq-data
