//! Figures, against scikit-learn's.

use briq_data::metrics::{Confusion, accuracy, mean_absolute_error, r_squared, root_mean_square_error};
use proptest::prelude::*;

const ACTUAL: [u32; 8] = [0, 0, 1, 1, 1, 2, 2, 2];
const PREDICTED: [u32; 8] = [0, 1, 1, 1, 0, 2, 2, 1];

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// `sklearn.metrics.classification_report` of the same eight.
#[test]
fn classes_are_judged_as_scikit_learn_does() {
    let confusion = Confusion::new(3, &ACTUAL, &PREDICTED);
    assert_eq!(
        (0..3).map(|class| confusion.row(class).to_vec()).collect::<Vec<_>>(),
        [[1, 1, 0], [1, 2, 0], [0, 1, 2]]
    );
    assert_eq!(confusion.total(), 8);
    let reports: Vec<_> = (0..3).map(|class| confusion.class(class)).collect();
    assert!(near(reports[1].precision, 0.5) && near(reports[1].recall, 2.0 / 3.0) && near(reports[1].f1, 4.0 / 7.0));
    assert!(near(reports[2].precision, 1.0) && near(reports[2].f1, 0.8));
    assert_eq!(reports.iter().map(|report| report.support).collect::<Vec<_>>(), [2, 3, 3]);
    assert!(near(confusion.macro_f1(), (0.5 + 4.0 / 7.0 + 0.8) / 3.0));
    assert!(near(confusion.accuracy(), 0.625));
    assert!(near(accuracy(&ACTUAL, &PREDICTED), 0.625));
}

#[test]
fn a_class_that_is_never_met_counts_as_missed() {
    let confusion = Confusion::new(2, &[0, 0], &[0, 0]);
    assert_eq!((confusion.class(1).precision, confusion.class(1).recall, confusion.class(1).f1), (0.0, 0.0, 0.0));
    assert!(near(confusion.macro_f1(), 0.5));
}

#[test]
fn nothing_predicted_is_nothing_right() {
    assert_eq!(accuracy(&[], &[]), 0.0);
    assert_eq!(Confusion::new(0, &[], &[]).macro_f1(), 0.0);
}

/// The example of scikit-learn's documentation.
#[test]
fn numbers_are_judged_as_scikit_learn_does() {
    let (actual, predicted) = ([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]);
    assert!(near(mean_absolute_error(&actual, &predicted), 0.5));
    assert!(near(root_mean_square_error(&actual, &predicted), 0.375_f64.sqrt()));
    assert!((r_squared(&actual, &predicted) - 0.948_608).abs() < 1e-6);
}

#[test]
fn without_spread_only_perfection_explains() {
    assert_eq!(r_squared(&[2.0, 2.0], &[2.0, 2.0]), 1.0);
    assert_eq!(r_squared(&[2.0, 2.0], &[2.0, 3.0]), 0.0);
}

proptest! {
    #[test]
    fn the_matrix_and_the_list_agree(pairs in prop::collection::vec((0_u32..4, 0_u32..4), 0..50)) {
        let (actual, predicted): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
        let confusion = Confusion::new(4, &actual, &predicted);
        prop_assert!(near(confusion.accuracy(), accuracy(&actual, &predicted)));
        prop_assert_eq!(confusion.total(), actual.len() as u64);
        prop_assert!((0.0..=1.0).contains(&confusion.macro_f1()));
    }
}
