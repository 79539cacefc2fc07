//! Statistics of some rows, applied to others.

use briq_data::{Dataset, Kind, Normalization, Per, ReadOptions};
use proptest::prelude::*;

use crate::{digits, iris, read};

fn all(data: &Dataset) -> Vec<usize> {
    (0..data.rows).collect()
}

fn close(actual: &[f32], expected: &[f32]) {
    let near = actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-5);
    assert!(actual.len() == expected.len() && near, "{actual:?} is not {expected:?}");
}

/// What scikit-learn's `StandardScaler` learns from the irises.
#[test]
fn standard_statistics_are_scikit_learns() {
    let data = iris();
    let fitted = Normalization::fit(Kind::Standard, Per::Feature, &data, &all(&data));
    close(&fitted.offset, &[5.843_333, 3.057_333, 3.758, 1.199_333]);
    close(&fitted.scale, &[0.825_301_3, 0.434_411, 1.759_404, 0.759_692_6]);
}

#[test]
fn only_the_rows_that_are_named_count() {
    let data = read("1,a\n3,a\n100,a\n", &ReadOptions::default()).unwrap();
    let fitted = Normalization::fit(Kind::Standard, Per::Feature, &data, &[0, 1]);
    assert_eq!((fitted.offset, fitted.scale), (vec![2.0], vec![1.0]));
}

#[test]
fn a_column_that_never_changes_keeps_its_scale() {
    let data = digits();
    let fitted = Normalization::fit(Kind::Standard, Per::Feature, &data, &all(&data));
    assert_eq!((fitted.offset[0], fitted.scale[0]), (0.0, 1.0), "the corner of an image is always 0");
    let mut rows = data.features.clone();
    fitted.apply(&mut rows);
    assert!(rows.iter().all(|pixel| pixel.is_finite()));
}

#[test]
fn all_features_can_share_one_scale() {
    let data = digits();
    let fitted = Normalization::fit(Kind::MinMax, Per::All, &data, &all(&data));
    assert_eq!((fitted.offset.as_slice(), fitted.scale.as_slice()), ([0.0].as_slice(), [16.0].as_slice()));
}

#[test]
fn none_changes_nothing() {
    let data = iris();
    let mut rows = data.features.clone();
    Normalization::fit(Kind::None, Per::Feature, &data, &all(&data)).apply(&mut rows);
    assert_eq!(rows, data.features);
}

#[test]
fn no_rows_give_the_identity() {
    let fitted = Normalization::fit(Kind::MinMax, Per::Feature, &iris(), &[]);
    assert_eq!((fitted.offset, fitted.scale), (vec![0.0; 4], vec![1.0; 4]));
}

proptest! {
    #[test]
    fn fitted_rows_become_centred_or_bounded(values in prop::collection::vec(-1e3_f32..1e3, 2..60)) {
        let text: String = values.iter().map(|value| format!("{value},a\n")).collect();
        let data = read(&text, &ReadOptions::default()).unwrap();
        let mut centred = data.features.clone();
        Normalization::fit(Kind::Standard, Per::Feature, &data, &all(&data)).apply(&mut centred);
        let mean = centred.iter().map(|&value| f64::from(value)).sum::<f64>() / centred.len() as f64;
        prop_assert!(mean.abs() < 1e-2, "mean {}", mean);
        let mut bounded = data.features.clone();
        Normalization::fit(Kind::MinMax, Per::Feature, &data, &all(&data)).apply(&mut bounded);
        prop_assert!(bounded.iter().all(|value| (-1e-6..=1.0 + 1e-6).contains(value)));
    }
}
