//! How the learning rate changes from epoch to epoch.

use briq_spec::recipe::{Schedule, TrainSection};

/// The learning rate of `epoch`, counted from zero.
pub(crate) fn learning_rate(section: &TrainSection, epoch: usize) -> f64 {
    let start = section.optimizer.learning_rate();
    match &section.schedule {
        Schedule::Constant => start,
        Schedule::Cosine(cosine) => cosine_annealing(start, cosine.minimum, epoch, section.epochs),
        Schedule::Step(step) => {
            let drops = i32::try_from(epoch / step.every.max(1)).unwrap_or(i32::MAX);
            start * step.gamma.powi(drops)
        }
    }
}

/// Loshchilov and Hutter (2017), one period without restarts.
fn cosine_annealing(start: f64, minimum: f64, epoch: usize, epochs: usize) -> f64 {
    let progress = epoch as f64 / epochs.saturating_sub(1).max(1) as f64;
    minimum + (start - minimum) * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
}

#[cfg(test)]
mod tests {
    use super::cosine_annealing;

    #[test]
    fn cosine_runs_from_start_to_minimum() {
        assert!((cosine_annealing(0.1, 0.01, 0, 11) - 0.1).abs() < 1e-12);
        assert!((cosine_annealing(0.1, 0.01, 5, 11) - 0.055).abs() < 1e-12);
        assert!((cosine_annealing(0.1, 0.01, 10, 11) - 0.01).abs() < 1e-12);
    }
}
