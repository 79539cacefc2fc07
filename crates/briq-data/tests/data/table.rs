//! Reading, and refusing to.

use std::error::Error as _;
use std::io::Write as _;

use briq_data::{DataErrorKind, LabelColumn, Labels, ReadOptions, Table, Task};
use expect_test::{Expect, expect};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use crate::{digits, iris, message, read, sample};

fn rejects(text: &str, options: &ReadOptions, kind: DataErrorKind, expected: &Expect) {
    let error = read(text, options).unwrap_err();
    assert_eq!(error.kind(), kind);
    assert!(error.is_content());
    expected.assert_eq(&message(&error));
}

fn declared(classes: &[&str]) -> ReadOptions {
    let classes = classes.iter().map(|class| (*class).to_owned()).collect();
    ReadOptions { classes: Some(classes), ..ReadOptions::default() }
}

#[test]
fn reads_the_irises() {
    let data = iris();
    assert_eq!((data.rows, data.columns), (150, 4));
    assert_eq!(data.row(0), [5.1, 3.5, 1.4, 0.2]);
    assert_eq!(data.row(149), [5.9, 3.0, 5.1, 1.8]);
    assert_eq!(data.class_names(), ["setosa", "versicolor", "virginica"]);
    let classes = data.classes().unwrap();
    assert_eq!((classes[0], classes[50], classes[149]), (0, 1, 2));
    assert_eq!((data.source_lines[0], data.source_lines[149]), (2, 151));
    assert_eq!(data.column_names, ["column 1", "column 2", "column 3", "column 4"]);
}

#[test]
fn reads_the_digits_through_gzip() {
    let data = digits();
    assert_eq!((data.rows, data.columns), (1797, 64));
    assert_eq!(data.class_names(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    let counts: Vec<usize> =
        (0..10).map(|digit| data.classes().unwrap().iter().filter(|class| **class == digit).count()).collect();
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    let total: f64 = data.features.iter().map(|&pixel| f64::from(pixel)).sum();
    assert_eq!(total, 561_718.0);
}

#[test]
fn the_digest_is_of_the_stored_bytes() {
    let bytes = std::fs::read(sample("digits.csv.gz")).unwrap();
    assert_eq!(digits().digest, *blake3::hash(&bytes).as_bytes());
}

#[test]
fn a_header_names_columns_and_the_label() {
    let options = ReadOptions { header: true, label: LabelColumn::Name("kind".into()), ..ReadOptions::default() };
    let data = read("width,kind,height\n1,b,2\n3,a,4\n", &options).unwrap();
    assert_eq!(data.column_names, ["width", "height"]);
    assert_eq!(data.features, [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(data.labels, Some(Labels::Classes { names: vec!["a".into(), "b".into()], indices: vec![1, 0] }));
}

#[test]
fn tabs_by_name_labels_first_numbers_as_targets() {
    let options = ReadOptions { label: LabelColumn::First, task: Task::Regression, ..ReadOptions::default() };
    let data = Table::read_from("1.5\t2\n-3\t4e0\n".as_bytes(), "points.tsv", &options).unwrap();
    assert_eq!(data.values(), Some([1.5, -3.0].as_slice()));
    assert_eq!(data.features, [2.0, 4.0]);
}

#[test]
fn quotes_spaces_line_ends_and_a_byte_order_mark_are_understood() {
    let data = read("\u{feff}1,\"2\", x \r\n\r\n3,4,\"y\"", &ReadOptions::default()).unwrap();
    assert_eq!(data.features, [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(data.source_lines, [1, 3], "an empty line is no row");
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    for end in ["\n", "\r\n"] {
        let text = ["skipped", "", "1,a", "2,\"b", "c\"", "", "x,d"].join(end);
        let options = ReadOptions { skip_lines: 1, ..ReadOptions::default() };
        assert_eq!(read(&text, &options).unwrap_err().line(), Some(7), "{end:?}");
        let data = read(&text.replace('x', "3"), &options).unwrap();
        assert_eq!(data.source_lines, [3, 4, 7], "{end:?}");
    }
}

#[test]
fn without_a_label_every_column_is_a_feature() {
    let options = ReadOptions { label: LabelColumn::None, ..ReadOptions::default() };
    let data = read("1,2\n3,4\n", &options).unwrap();
    assert_eq!((data.columns, data.labels), (2, None));
}

#[test]
fn classes_that_are_numbers_are_ordered_as_numbers() {
    let data = read("0,10\n0,9\n0,-1\n", &ReadOptions::default()).unwrap();
    assert_eq!(data.class_names(), ["-1", "9", "10"]);
}

#[test]
fn a_label_is_a_name_before_it_is_an_index() {
    let data = read("0,1\n0,0\n", &declared(&["1", "0"])).unwrap();
    assert_eq!(data.classes(), Some([0, 1].as_slice()));
}

#[test]
fn rejects_a_missing_value() {
    let expected = expect![[r#"
        table.csv:2:2: a value is missing
        hint: fill the value in, or leave the row out"#]];
    rejects("1,2,a\n3,,b\n", &ReadOptions::default(), DataErrorKind::MissingValue, &expected);
    let expected = expect![[r#"
        table.csv:1:1: a value is missing: `NA`
        hint: fill the value in, or leave the row out"#]];
    rejects("NA,2,a\n", &ReadOptions::default(), DataErrorKind::MissingValue, &expected);
}

#[test]
fn rejects_a_missing_label() {
    let expected = expect![[r#"
        table.csv:2:3: a value is missing
        hint: fill the value in, or leave the row out"#]];
    rejects("1,2,a\n3,4,\n", &ReadOptions::default(), DataErrorKind::MissingValue, &expected);
}

#[test]
fn rejects_text_among_the_features() {
    let expected = expect!["table.csv:3:1: `three` is not a number"];
    let options = ReadOptions { skip_lines: 1, ..ReadOptions::default() };
    rejects("a comment\n1,a\nthree,b\n", &options, DataErrorKind::NotANumber, &expected);
    let expected = expect![[r#"
        table.csv:1:1: `1,5` is not a number
        hint: write decimals with a point"#]];
    rejects("\"1,5\",b\n", &ReadOptions::default(), DataErrorKind::NotANumber, &expected);
}

#[test]
fn shows_only_the_beginning_of_a_long_field() {
    let error = read(&format!("{},b\n", "x".repeat(5000)), &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().len() < 100);
}

#[test]
fn rejects_numbers_that_are_not_finite() {
    for text in ["NaN", "inf", "-inf", "1e39"] {
        let error = read(&format!("{text},a\n"), &ReadOptions::default()).unwrap_err();
        assert_eq!((error.kind(), error.line(), error.column()), (DataErrorKind::NotFinite, Some(1), Some(1)));
    }
}

#[test]
fn rejects_a_ragged_row() {
    let expected = expect!["table.csv:2:3: the row has 2 columns, 3 are expected"];
    rejects("1,2,a\n3,b\n", &ReadOptions::default(), DataErrorKind::RaggedRow, &expected);
    let expected = expect!["table.csv:2:4: the row has 4 columns, 3 are expected"];
    rejects("1,2,a\n3,4,5,b\n", &ReadOptions::default(), DataErrorKind::RaggedRow, &expected);
}

#[test]
fn rejects_labels_that_are_no_declared_class() {
    let expected = expect!["table.csv:2:2: label 2 is out of range: there are 2 classes, from 0"];
    rejects("1,0\n1,2\n", &declared(&["cat", "dog"]), DataErrorKind::UnknownLabel, &expected);
    let expected = expect![[r#"
        table.csv:1:2: label `cow` is none of the classes
        hint: the classes are cat, dog"#]];
    rejects("1,cow\n", &declared(&["cat", "dog"]), DataErrorKind::UnknownLabel, &expected);
}

#[test]
fn rejects_a_class_without_examples() {
    let expected = expect![[r#"
        table.csv: class `dog` is declared and column 2 never has it
        hint: add examples of it, or leave it out of `classes`"#]];
    rejects("1,cat\n2,0\n", &declared(&["cat", "dog"]), DataErrorKind::EmptyClass, &expected);
}

#[test]
fn rejects_a_table_without_rows() {
    for text in ["", "\n\n", "a,b\n"] {
        let options = ReadOptions { header: true, ..ReadOptions::default() };
        assert_eq!(read(text, &options).unwrap_err().kind(), DataErrorKind::Empty);
    }
    let options = ReadOptions { skip_lines: 9, ..ReadOptions::default() };
    assert_eq!(read("1,2\n", &options).unwrap_err().kind(), DataErrorKind::Empty);
}

#[test]
fn rejects_a_label_column_that_is_not_there() {
    let named = LabelColumn::Name("kind".into());
    let options = ReadOptions { header: true, label: named.clone(), ..ReadOptions::default() };
    let expected = expect![[r#"
        table.csv: no column is called `kind`
        hint: the header has a, b"#]];
    rejects("a,b\n1,2\n", &options, DataErrorKind::NoSuchColumn, &expected);
    let options = ReadOptions { label: named, ..ReadOptions::default() };
    let expected = expect![[r#"
        table.csv: label column `kind` needs a header, and none is declared
        hint: set `header = true`"#]];
    rejects("1,2\n", &options, DataErrorKind::NoSuchColumn, &expected);
    let options = ReadOptions { label: LabelColumn::Index(2), ..ReadOptions::default() };
    let expected = expect!["table.csv: label column 2 is not below 2"];
    rejects("1,2\n", &options, DataErrorKind::NoSuchColumn, &expected);
}

#[test]
fn rejects_a_table_of_labels_alone() {
    let expected = expect![[r#"
        table.csv:1: the table has no feature column beside the label
        hint: check the delimiter: a comma, or a tab for files called `.tsv`"#]];
    rejects("1;2\n", &ReadOptions::default(), DataErrorKind::NoSuchColumn, &expected);
}

#[test]
fn rejects_text_that_is_not_utf8() {
    let error = Table::read_from(b"1,a\n\xff,b\n".as_slice(), "table.csv", &ReadOptions::default()).unwrap_err();
    assert_eq!((error.kind(), error.line()), (DataErrorKind::Encoding, Some(2)));
    assert!(error.source().is_some());
}

#[test]
fn rejects_a_truncated_gzip() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"1,a\n2,b\n").unwrap();
    let whole = encoder.finish().unwrap();
    for end in 2..whole.len() {
        let error = Table::read_from(&whole[..end], "table.csv.gz", &ReadOptions::default()).unwrap_err();
        assert_eq!(error.kind(), DataErrorKind::Encoding, "cut at {end}");
    }
}

#[test]
fn says_which_file_is_missing() {
    let path = tempfile::tempdir().unwrap().path().join("absent.csv");
    let error = Table::read(&path, &ReadOptions::default()).unwrap_err();
    assert!(error.is_not_found() && !error.is_content());
    assert_eq!(error.path(), Some(path.as_path()));
    assert!(error.to_string().ends_with("absent.csv: cannot open the table"));
}

proptest! {
    #[test]
    fn numbers_survive_being_written_and_read(rows in prop::collection::vec((prop::num::f32::NORMAL, prop::num::f32::ZERO, 0_u32..3), 1..40)) {
        let text: String = rows.iter().map(|(a, b, class)| format!("{a},{b:e},{class}\n")).collect();
        let data = read(&text, &ReadOptions::default()).unwrap();
        let features: Vec<f32> = rows.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
        prop_assert_eq!(&data.features, &features);
        let names = data.class_names();
        let classes = data.classes().unwrap().iter().map(|class| names[*class as usize].clone());
        prop_assert!(classes.eq(rows.iter().map(|row| row.2.to_string())));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(prop::sample::select(b"0123456789.,\"\n\r\t-ex\xff\x1f\x8b".to_vec()), 0..200), header: bool, skip_lines in 0_usize..3) {
        let options = ReadOptions { header, skip_lines, ..ReadOptions::default() };
        if let Ok(data) = Table::read_from(bytes.as_slice(), "any", &options) {
            prop_assert_eq!(data.features.len(), data.rows * data.columns);
            prop_assert_eq!(data.classes().unwrap().len(), data.rows);
            prop_assert!(data.features.iter().all(|feature| feature.is_finite()));
        }
    }
}
