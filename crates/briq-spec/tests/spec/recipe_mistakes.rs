use briq_spec::Recipe;
use briq_spec::recipe::RecipeErrorKind;
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::recipe::WHOLE;

/// Replaces a piece of the whole recipe, and compares what is said of it.
fn check(right: &str, wrong: &str, expected: Expect) {
    assert!(WHOLE.contains(right), "{right}");
    check_text(&WHOLE.replacen(right, wrong, 1), expected);
}

fn check_text(text: &str, expected: Expect) {
    let error = Recipe::parse(text).unwrap_err();
    let line = text.lines().nth(error.line() - 1).unwrap_or_default();
    let mark = " ".repeat(error.column() - 1);
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    expected.assert_eq(&format!("{error}\n{line}\n{mark}^{hint}"));
}

#[test]
fn rejects_unknown_keys_with_a_suggestion() {
    check(
        "batch-size",
        "batch_size",
        expect![[r#"
            line 77, column 1: `train.batch_size`: there is no such key here; known: `batch-size`, `checkpoint-every`, `early-stopping`, `epochs`, `loss`, `metrics`, `optimizer`, `schedule` and `seed`
            batch_size = 64
            ^
            hint: did you mean `batch-size`?"#]],
    );
    check(
        "learning-rate",
        "lerning-rate",
        expect![[r#"
            line 78, column 30: `train.optimizer.lerning-rate`: there is no such key here; known: `beta1`, `beta2`, `epsilon`, `learning-rate`, `type` and `weight-decay`
            optimizer = { type = "adam", lerning-rate = 0.01 }
                                         ^
            hint: did you mean `learning-rate`?"#]],
    );
    check(
        "skip-lines",
        "zzz",
        expect![[r#"
            line 12, column 1: `data.zzz`: there is no such key here; known: `classes`, `header`, `label`, `normalize`, `normalize-per`, `path`, `seed`, `shape`, `skip-lines`, `split` and `task`
            zzz = 1
            ^"#]],
    );
    check(
        "[train]",
        "[trian]",
        expect![[r#"
            line 75, column 2: `trian`: there is no such key here; known: `data`, `golden`, `layer`, `package` and `train`
            [trian]
             ^
            hint: did you mean `train`?"#]],
    );
    check(
        "units = 10",
        "units = 10\nactivaton = \"relu\"",
        expect![[r#"
            line 70, column 1: `layer[10].activaton`: there is no such key here; known: `activation`, `bias`, `type` and `units`
            activaton = "relu"
            ^
            hint: did you mean `activation`?"#]],
    );
    check(
        "patience = 10",
        "patience = 10, patienc = 3",
        expect![[r#"
            line 82, column 64: `train.early-stopping.patienc`: there is no such key here; known: `min-delta`, `monitor` and `patience`
            early-stopping = { monitor = "validation-loss", patience = 10, patienc = 3 }
                                                                           ^"#]],
    );
}

#[test]
fn rejects_unknown_words_with_a_suggestion() {
    check(
        "\"max-pool2d\"",
        "\"maxpool\"",
        expect![[r#"
            line 41, column 8: `layer[3].type`: `maxpool` is not known; known: `dense`, `conv2d`, `max-pool2d`, `avg-pool2d`, `global-avg-pool2d`, `flatten`, `reshape`, `dropout`, `batch-norm`, `layer-norm` and `activation`
            type = "maxpool"
                   ^
            hint: did you mean `max-pool2d`?"#]],
    );
    check(
        "\"relu\"",
        "\"rleu\"",
        expect![[r#"
            line 28, column 14: `layer[0].activation`: `rleu` is not known; known: `relu`, `leaky-relu`, `elu`, `gelu`, `silu`, `tanh`, `sigmoid`, `softmax` and `linear`
            activation = "rleu"
                         ^
            hint: did you mean `relu`?"#]],
    );
    check(
        "\"adam\"",
        "\"adamw\"",
        expect![[r#"
            line 78, column 22: `train.optimizer.type`: `adamw` is not known; known: `adam` and `sgd`
            optimizer = { type = "adamw", learning-rate = 0.01 }
                                 ^
            hint: did you mean `adam`?"#]],
    );
    check(
        "\"same\"",
        "\"smae\"",
        expect![[r#"
            line 27, column 11: `layer[0].padding`: `smae` is not known; known: `same` and `valid`
            padding = "smae"
                      ^
            hint: did you mean `same`?"#]],
    );
    check(
        "\"cross-entropy\"",
        "\"crossentropy\"",
        expect![[r#"
            line 80, column 8: `train.loss`: `crossentropy` is not known; known: `cross-entropy`, `mse` and `mae`
            loss = "crossentropy"
                   ^
            hint: did you mean `cross-entropy`?"#]],
    );
    check(
        "\"macro-f1\"",
        "\"f1\"",
        expect![[r#"
            line 81, column 24: `train.metrics[1]`: `f1` is not known; known: `accuracy`, `macro-f1`, `mae`, `rmse` and `r2`
            metrics = ["accuracy", "f1"]
                                   ^"#]],
    );
    check(
        "{ type = \"step\", every = 10, gamma = 0.5 }",
        "\"cosine\"",
        expect![[r#"
            line 79, column 12: `train.schedule`: `cosine` is not known; known: `constant`
            schedule = "cosine"
                       ^
            hint: did you mean `{ type = "cosine" }`?"#]],
    );
}

#[test]
fn rejects_missing_keys() {
    check(
        "units = 10\n",
        "",
        expect![[r#"
        line 67, column 1: `layer[10]`: the key `units` is missing
        [[layer]]
        ^"#]],
    );
    check(
        "type = \"flatten\"\n",
        "",
        expect![[r#"
            line 56, column 1: `layer[7]`: the key `type` is missing; known: `dense`, `conv2d`, `max-pool2d`, `avg-pool2d`, `global-avg-pool2d`, `flatten`, `reshape`, `dropout`, `batch-norm`, `layer-norm` and `activation`
            [[layer]]
            ^"#]],
    );
    check(
        "version = \"1.0.0\"\n",
        "",
        expect![[r#"
        line 2, column 1: `package`: the key `version` is missing
        [package]
        ^"#]],
    );
    check(
        "epochs = 60\n",
        "",
        expect![[r#"
        line 75, column 1: `train`: the key `epochs` is missing
        [train]
        ^"#]],
    );
    check_text(
        "",
        expect![[r#"
        line 1, column 1: the key `package` is missing

        ^"#]],
    );
}

#[test]
fn rejects_values_of_the_wrong_type() {
    check(
        "filters = 32",
        "filters = \"32\"",
        expect![[r#"
        line 24, column 11: `layer[0].filters`: it is a string instead of a whole number
        filters = "32"
                  ^"#]],
    );
    check(
        "filters = 32",
        "filters = 3.5",
        expect![[r#"
        line 24, column 11: `layer[0].filters`: it is a number with a fraction instead of a whole number
        filters = 3.5
                  ^"#]],
    );
    check(
        "header = false",
        "header = 0",
        expect![[r#"
        line 11, column 10: `data.header`: it is a whole number instead of true or false
        header = 0
                 ^"#]],
    );
    check(
        "kernel = [3, 5]",
        "kernel = [3, 5, 7]",
        expect![[r#"
        line 25, column 10: `layer[0].kernel`: it has 3 values instead of 2
        kernel = [3, 5, 7]
                 ^"#]],
    );
    check(
        "kernel = [3, 5]",
        "kernel = \"3x5\"",
        expect![[r#"
        line 25, column 10: `layer[0].kernel`: it is a string instead of a whole number or a list
        kernel = "3x5"
                 ^"#]],
    );
    check(
        "[package]",
        "[[package]]",
        expect![[r#"
        line 2, column 1: `package`: it is a list instead of a table
        [[package]]
        ^"#]],
    );
    check(
        "type = \"flatten\"",
        "type = 3",
        expect![[r#"
        line 57, column 8: `layer[7].type`: it is a whole number instead of a string
        type = 3
               ^"#]],
    );
    check(
        "label = \"last\"",
        "label = [1]",
        expect![[r#"
        line 13, column 9: `data.label`: it is a list instead of a string or a whole number
        label = [1]
                ^"#]],
    );
}

#[test]
fn rejects_values_out_of_range() {
    check(
        "filters = 32",
        "filters = 0",
        expect![[r#"
        line 24, column 11: `layer[0].filters`: it must be 1 or more
        filters = 0
                  ^"#]],
    );
    check(
        "filters = 32",
        "filters = -1",
        expect![[r#"
            line 24, column 11: `layer[0].filters`: it must be 0 or more
            filters = -1
                      ^"#]],
    );
    check(
        "kernel = 3",
        "kernel = 0",
        expect![[r#"
        line 33, column 10: `layer[1].kernel`: it must be 1 or more in both directions
        kernel = 0
                 ^"#]],
    );
    check(
        "padding = 1",
        "padding = 3",
        expect![[r#"
        line 34, column 11: `layer[1].padding`: it must be less than the kernel
        padding = 3
                  ^"#]],
    );
    check(
        "rate = 0.25",
        "rate = 1.0",
        expect![[r#"
        line 65, column 8: `layer[9].rate`: it must be a number from 0 up to, but not including, 1
        rate = 1.0
               ^"#]],
    );
    check(
        "rate = 0.25",
        "rate = nan",
        expect![[r#"
        line 65, column 8: `layer[9].rate`: it must be a number from 0 up to, but not including, 1
        rate = nan
               ^"#]],
    );
    check(
        "train = 0.7",
        "train = 0.8",
        expect![[r#"
        line 19, column 9: `data.split`: its fractions add up to 1.1 instead of 1
        split = { train = 0.8, validation = 0.15, test = 0.15 }
                ^"#]],
    );
    check(
        "learning-rate = 0.01",
        "learning-rate = inf",
        expect![[r#"
        line 78, column 46: `train.optimizer.learning-rate`: it must be a number above 0
        optimizer = { type = "adam", learning-rate = inf }
                                                     ^"#]],
    );
    check(
        "batch-size = 64",
        "batch-size = 0",
        expect![[r#"
        line 77, column 14: `train.batch-size`: it must be 1 or more
        batch-size = 0
                     ^"#]],
    );
    check(
        "[\"0\", \"1\"]",
        "[\"0\", \"0\"]",
        expect![[r#"
        line 15, column 11: `data.classes`: "0" is there twice
        classes = ["0", "0"]
                  ^"#]],
    );
    check(
        "shape = [1, 8, 8]",
        "shape = [1, 0, 8]",
        expect![[r#"
        line 16, column 9: `data.shape`: it must have a dimension, and each must be 1 or more
        shape = [1, 0, 8]
                ^"#]],
    );
    check(
        "label = \"last\"",
        "label = -1",
        expect![[r#"
            line 13, column 9: `data.label`: it must be 0 or more
            label = -1
                    ^"#]],
    );
    check(
        "absolute = 1e-5",
        "absolute = -1e-5",
        expect![[r#"
        line 88, column 35: `golden.tolerances.cpu.absolute`: it must be a number from 0 up
        tolerances = { cpu = { absolute = -1e-5, relative = 1e-4 } }
                                          ^"#]],
    );
}

#[test]
fn rejects_texts_that_are_no_name_or_version() {
    check(
        "name = \"digits\"",
        "name = \"Digits\"",
        expect![[r#"
        line 3, column 8: `package.name`: invalid package name "Digits": each component must begin and end with a lower-case letter or a digit
        name = "Digits"
               ^"#]],
    );
    check(
        "version = \"1.0.0\"",
        "version = \"1.0\"",
        expect![[r#"
        line 4, column 11: `package.version`: unexpected end of input while parsing minor version number
        version = "1.0"
                  ^"#]],
    );
}

#[test]
fn rejects_sections_that_contradict_each_other() {
    check(
        "task = \"classification\"\nclasses = [\"0\", \"1\"]",
        "task = \"regression\"",
        expect![[r#"
        line 79, column 8: `train.loss`: cross-entropy is for classification, and `data.task` is regression
        loss = "cross-entropy"
               ^"#]],
    );
    check(
        "label = \"last\"\n",
        "",
        expect![[r#"
        line 9, column 1: `data.label`: training needs a label; the key `label` is missing
        [data]
        ^"#]],
    );
    check(
        "train = 0.7, validation = 0.15, test = 0.15",
        "train = 0.7, test = 0.3",
        expect![[r#"
        line 82, column 18: `train.early-stopping`: nothing is left to validate on: `data.split.validation` is 0
        early-stopping = { monitor = "validation-loss", patience = 10 }
                         ^"#]],
    );
}

#[test]
fn rejects_what_is_no_toml() {
    check(
        "filters = 32",
        "filters 32",
        expect![[r#"
        line 24, column 9: key with no value, expected `=`
        filters 32
                ^"#]],
    );
    check(
        "epochs = 60",
        "epochs = 60\nepochs = 61",
        expect![[r#"
        line 77, column 1: duplicate key
        epochs = 61
        ^"#]],
    );
}

#[test]
fn rejects_more_bytes_than_the_limit() {
    let error = Recipe::parse(&"#".repeat((1 << 20) + 1)).unwrap_err();
    assert_eq!(error.kind(), RecipeErrorKind::TooLarge);
}

#[test]
fn columns_count_characters() {
    let text = "[package]\nname = 'a'\nversion = '1.0.0'\nauthors = ['äöü', 3]\n";
    let error = Recipe::parse(text).unwrap_err();
    assert_eq!((error.line(), error.column(), error.path()), (4, 19, "package.authors[1]"));
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(4), cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "[\\[\\]a-z=\"'{}.,0-9\\n -]{0,80}") {
        let _ = Recipe::parse(&text);
    }

    /// Every mistake lies in the text.
    #[test]
    fn every_mistake_has_a_place(at in any::<prop::sample::Index>(), with in "[a-z0-9=\\[\\]{}\"\\n]") {
        let mut text = WHOLE.to_owned();
        let at = at.index(text.len());
        text.replace_range(at..at + 1, &with);
        if let Err(error) = Recipe::parse(&text) {
            let line = text.split('\n').nth(error.line() - 1);
            prop_assert!(line.is_some_and(|line| error.column() <= line.chars().count() + 1), "{}", error);
        }
    }
}
