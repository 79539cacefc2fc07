//! briq-graph
