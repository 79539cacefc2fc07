//! Parts that are fair, complete and the same everywhere.

use std::collections::BTreeSet;

use briq_data::{DataErrorKind, Fractions, Split};
use expect_test::expect;
use proptest::prelude::*;

use crate::{digits, iris, message};

const USUAL: Fractions = Fractions { train: 0.7, validation: 0.15, test: 0.15 };

fn names(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("c{class}")).collect()
}

#[test]
fn every_class_keeps_its_share() {
    let data = digits();
    let split = Split::of(&data, USUAL, 7).unwrap();
    assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (1259, 269, 269));
    let classes = data.classes().unwrap();
    for digit in 0..10 {
        let of_digit = |rows: &[usize]| rows.iter().filter(|&&row| classes[row] == digit).count();
        assert!((26..=27).contains(&of_digit(&split.test)), "digit {digit}");
        assert!((26..=27).contains(&of_digit(&split.validation)), "digit {digit}");
    }
}

/// Fixed for good: a package's lineage names the seed, and the seed has to mean the same rows on every machine.
#[test]
fn the_split_of_a_seed_never_changes() {
    let split = Split::of(&iris(), USUAL, 7).unwrap();
    expect!["[11, 22, 24, 26, 29, 42, 44, 46, 51, 56, 63, 64, 86, 87, 95, 97, 108, 113, 123, 128, 130, 139, 140, 146]"]
        .assert_eq(&format!("{:?}", split.test));
}

#[test]
fn another_seed_gives_another_split() {
    let data = iris();
    assert_ne!(Split::of(&data, USUAL, 1).unwrap(), Split::of(&data, USUAL, 2).unwrap());
    assert_eq!(Split::of(&data, USUAL, 1).unwrap(), Split::of(&data, USUAL, 1).unwrap());
}

#[test]
fn a_part_may_be_left_out() {
    let fractions = Fractions { train: 0.8, validation: 0.2, test: 0.0 };
    let split = Split::of(&iris(), fractions, 1).unwrap();
    assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (120, 30, 0));
}

/// 5/6 of three rows rounds to all of them.
#[test]
fn a_large_part_leaves_rows_to_the_others() {
    let split = Split::random(3, Fractions { train: 1.0 / 6.0, validation: 0.0, test: 5.0 / 6.0 }, 0).unwrap();
    assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (1, 0, 2));
}

#[test]
fn rows_without_classes_are_split_at_random() {
    let split = Split::random(10, USUAL, 3).unwrap();
    assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (6, 2, 2));
}

#[test]
fn rejects_a_class_too_small_to_split() {
    let error = Split::stratified(&names(2), &[0, 0, 0, 1, 1], USUAL, 1).unwrap_err();
    assert_eq!(error.kind(), DataErrorKind::EmptyClass);
    expect![[r#"
        class `c1` has 2 rows, each of 3 parts needs one
        hint: add examples of the class, or drop a part of the split"#]]
    .assert_eq(&message(&error));
}

#[test]
fn rejects_fractions_that_are_no_shares() {
    for (train, validation, test) in
        [(0.5, 0.5, 0.5), (0.0, 0.5, 0.5), (1.5, -0.5, 0.0), (f64::NAN, 0.5, 0.5), (0.7, 0.1, 0.1)]
    {
        let error = Split::random(100, Fractions { train, validation, test }, 1).unwrap_err();
        assert_eq!(error.kind(), DataErrorKind::Options, "{train} {validation} {test}");
    }
}

#[test]
fn rejects_fewer_rows_than_parts() {
    assert_eq!(Split::random(2, USUAL, 1).unwrap_err().kind(), DataErrorKind::Empty);
}

proptest! {
    #[test]
    fn each_row_is_in_exactly_one_part(
        classes in prop::collection::vec(0_u32..3, 0..200),
        train in 1_u32..10, validation in 0_u32..10, test in 0_u32..10, seed: u64,
    ) {
        let mut classes = classes;
        classes.extend([0, 1, 2].repeat(3));
        let sum = f64::from(train + validation + test);
        let share = |part: u32| f64::from(part) / sum;
        let fractions = Fractions { train: share(train), validation: share(validation), test: share(test) };
        let split = Split::stratified(&names(3), &classes, fractions, seed).unwrap();
        let parts = [&split.train, &split.validation, &split.test];
        let all: BTreeSet<usize> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        prop_assert_eq!(all, (0..classes.len()).collect::<BTreeSet<_>>());
        prop_assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), classes.len());
        for (part, wanted) in parts.iter().zip([train, validation, test]) {
            let met: BTreeSet<u32> = part.iter().map(|&row| classes[row]).collect();
            prop_assert_eq!(met.len(), if wanted == 0 { 0 } else { 3 });
        }
    }
}
