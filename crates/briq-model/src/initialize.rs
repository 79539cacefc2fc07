//! First values of parameters: drawn on the host, so that every backend starts alike.

use briq_graph::layers::{Init, Parameter};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The values of one parameter, row-major; each parameter draws from a stream of its own.
pub(crate) fn values(parameter: &Parameter, seed: u64, stream: u64) -> Vec<f32> {
    let count = parameter.shape.iter().product();
    match parameter.init.bound() {
        Some(bound) => uniform(count, bound as f32, seed, stream),
        None if parameter.init == Init::Ones => vec![1.0; count],
        None => vec![0.0; count],
    }
}

fn uniform(count: usize, bound: f32, seed: u64, stream: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    (0..count).map(|_| random.random_range(-bound..=bound)).collect()
}
