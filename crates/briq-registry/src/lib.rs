//! briq-registry
