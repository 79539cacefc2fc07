//! briq-store
