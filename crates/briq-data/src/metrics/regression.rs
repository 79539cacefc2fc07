//! Numbers.

/// The mean distance; 0 where there are no examples.
///
/// # Panics
/// If the lengths differ.
pub fn mean_absolute_error(actual: &[f32], predicted: &[f32]) -> f64 {
    mean(errors(actual, predicted).map(f64::abs))
}

/// The square root of the mean squared distance; 0 where there are no examples.
///
/// # Panics
/// If the lengths differ.
pub fn root_mean_square_error(actual: &[f32], predicted: &[f32]) -> f64 {
    mean(errors(actual, predicted).map(|error| error * error)).sqrt()
}

/// The coefficient of determination: 1 is perfect, 0 as good as always answering the mean, less than that worse.
///
/// Where the actual values do not vary it is 1 if every prediction is right and 0 otherwise, as in scikit-learn.
///
/// # Panics
/// If the lengths differ.
pub fn r_squared(actual: &[f32], predicted: &[f32]) -> f64 {
    let residual: f64 = errors(actual, predicted).map(|error| error * error).sum();
    let centre = mean(actual.iter().map(|&number| f64::from(number)));
    let total: f64 = actual.iter().map(|&number| (f64::from(number) - centre).powi(2)).sum();
    match (residual == 0.0, total == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => 1.0 - residual / total,
    }
}

fn errors<'a>(actual: &'a [f32], predicted: &'a [f32]) -> impl ExactSizeIterator<Item = f64> + 'a {
    assert_eq!(actual.len(), predicted.len(), "one prediction for each example");
    actual.iter().zip(predicted).map(|(&actual, &predicted)| f64::from(predicted) - f64::from(actual))
}

fn mean(numbers: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = numbers.len();
    if count == 0 { 0.0 } else { numbers.sum::<f64>() / count as f64 }
}
