//! briq-serve
