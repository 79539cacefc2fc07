use briq_spec::recipe::*;
use briq_spec::semver::Version;

/// Every section and every layer, with every key that is not a default.
pub(crate) const WHOLE: &str = r#"
[package]
name = "digits"
version = "1.0.0"
description = "Handwritten digits, 8x8"
license = "CC-BY-4.0"
authors = ["A", "B"]

[data]
path = "data/digits.csv.gz"
header = false
skip-lines = 1
label = "last"
task = "classification"
classes = ["0", "1"]
shape = [1, 8, 8]
normalize = "standard"
normalize-per = "all"
split = { train = 0.7, validation = 0.15, test = 0.15 }
seed = 7

[[layer]]
type = "conv2d"
filters = 32
kernel = [3, 5]
stride = 2
padding = "same"
activation = "relu"

[[layer]]
type = "conv2d"
filters = 8
kernel = 3
padding = 1
bias = false

[[layer]]
type = "batch-norm"

[[layer]]
type = "max-pool2d"
size = 2

[[layer]]
type = "avg-pool2d"
size = 2
stride = [1, 2]

[[layer]]
type = "global-avg-pool2d"

[[layer]]
type = "reshape"
shape = [8, 1]

[[layer]]
type = "flatten"

[[layer]]
type = "layer-norm"
epsilon = 0.001

[[layer]]
type = "dropout"
rate = 0.25

[[layer]]
type = "dense"
units = 10

[[layer]]
type = "activation"
function = "softmax"

[train]
epochs = 60
batch-size = 64
optimizer = { type = "adam", learning-rate = 0.01 }
schedule = { type = "step", every = 10, gamma = 0.5 }
loss = "cross-entropy"
metrics = ["accuracy", "macro-f1"]
early-stopping = { monitor = "validation-loss", patience = 10 }
checkpoint-every = 2
seed = 42

[golden]
examples = 8
tolerances = { cpu = { absolute = 1e-5, relative = 1e-4 } }
"#;

#[test]
fn reads_every_section() {
    let recipe = Recipe::parse(WHOLE).unwrap();
    assert_eq!(recipe.package.version, Version::new(1, 0, 0));
    let data = recipe.data.unwrap();
    assert_eq!(data.label, Some(LabelColumn::Last));
    assert_eq!(data.shape, Some(vec![1, 8, 8]));
    assert_eq!((data.normalize, data.normalize_per), (Normalize::Standard, NormalizePer::All));
    assert_eq!(data.split, SplitSection { train: 0.7, validation: 0.15, test: 0.15 });
    let train = recipe.train.unwrap();
    assert_eq!(train.optimizer, Optimizer::Adam(Adam { learning_rate: 0.01, ..Adam::default() }));
    assert_eq!(train.schedule, Schedule::Step(Step { every: 10, gamma: 0.5 }));
    assert_eq!(train.early_stopping.unwrap().patience, 10);
    assert_eq!(recipe.golden.examples, 8);
}

#[test]
fn reads_every_layer() {
    let layers = Recipe::parse(WHOLE).unwrap().layers;
    let names: Vec<&str> = layers.iter().map(Layer::type_name).collect();
    assert_eq!(
        names.join(" "),
        "conv2d conv2d batch-norm max-pool2d avg-pool2d global-avg-pool2d reshape flatten layer-norm dropout dense activation"
    );
    let Layer::Conv2d(first) = &layers[0] else { panic!("conv2d") };
    assert_eq!((first.kernel, first.stride), (Extent2d { height: 3, width: 5 }, Extent2d::square(2)));
    assert_eq!((first.padding, first.activation, first.bias), (Padding::Same, Some(ActivationFunction::Relu), true));
    let Layer::Conv2d(second) = &layers[1] else { panic!("conv2d") };
    assert_eq!((second.padding, second.stride, second.bias), (Padding::Explicit(1), Extent2d::square(1), false));
    assert_eq!(layers[2], Layer::BatchNorm(BatchNorm { momentum: 0.9, epsilon: 1e-5 }));
    assert_eq!(layers[11], Layer::Activation(ActivationLayer { function: ActivationFunction::Softmax }));
}

#[test]
fn the_least_recipe_is_a_name_and_a_version() {
    let recipe = Recipe::parse("package = { name = 'digits', version = '1.0.0' }").unwrap();
    assert_eq!((recipe.data, recipe.train, recipe.layers), (None, None, Vec::new()));
    assert_eq!(recipe.golden.tolerances["cpu"].absolute, 1e-4);
}

#[test]
fn defaults_are_the_documented_ones() {
    let text = "[package]\nname='a'\nversion='1.0.0'\n[data]\npath='a.csv'\nlabel=3\n[train]\nepochs=1\nloss='mse'\n";
    let recipe = Recipe::parse(text).unwrap();
    let data = recipe.data.unwrap();
    assert_eq!((data.header, data.skip_lines, data.task, data.seed), (false, 0, Task::Classification, 0));
    assert_eq!((data.normalize, data.normalize_per), (Normalize::None, NormalizePer::Feature));
    assert_eq!(data.label, Some(LabelColumn::Index(3)));
    let train = recipe.train.unwrap();
    assert_eq!((train.batch_size, train.checkpoint_every, train.seed), (32, 1, 0));
    assert_eq!((train.optimizer, train.schedule), (Optimizer::Adam(Adam::default()), Schedule::Constant));
}

#[test]
fn a_schedule_is_a_word_or_a_table() {
    let with = |schedule: &str| {
        let text = WHOLE.replace(r#"{ type = "step", every = 10, gamma = 0.5 }"#, schedule);
        Recipe::parse(&text).unwrap().train.unwrap().schedule
    };
    assert_eq!(with("\"constant\""), Schedule::Constant);
    assert_eq!(with("{ type = \"cosine\" }"), Schedule::Cosine(Cosine { minimum: 0.0 }));
    assert_eq!(with("{ type = \"cosine\", minimum = 1e-5 }"), Schedule::Cosine(Cosine { minimum: 1e-5 }));
}

#[test]
fn labels_are_places_or_names() {
    let with = |label: &str| Recipe::parse(&WHOLE.replace("\"last\"", label)).unwrap().data.unwrap().label;
    assert_eq!(with("\"first\""), Some(LabelColumn::First));
    assert_eq!(with("\"species\""), Some(LabelColumn::Name("species".to_owned())));
    assert_eq!(with("0"), Some(LabelColumn::Index(0)));
}

#[test]
fn what_is_printed_reads_back() {
    let recipe = Recipe::parse(WHOLE).unwrap();
    assert_eq!(Recipe::parse(&recipe.print()).unwrap(), recipe);
}
