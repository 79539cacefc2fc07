//! briq-engine
