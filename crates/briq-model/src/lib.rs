//! briq-model
