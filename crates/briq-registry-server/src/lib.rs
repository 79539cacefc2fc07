//! briq-registry-server
