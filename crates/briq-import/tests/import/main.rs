//! Behaviour of the importers, from bytes to graphs.
