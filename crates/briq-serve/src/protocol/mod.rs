//! The Open Inference Protocol v2: requests to tensors, tensors to answers.
//!
//! What is on the wire ([`wire`]) and what the engine sees (`briq_engine::Tensor`) are kept apart; [`decode`] and
//! [`encode`] go between them. Nothing here knows of HTTP but the status of a refusal.

pub(crate) mod classify;
pub(crate) mod decode;
pub(crate) mod elements;
pub(crate) mod encode;
pub(crate) mod wire;
