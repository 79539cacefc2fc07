//! Training: what it reaches, and that it can be killed at any epoch.

use briq_model::{Backend, Ended, EpochRecord, Observer, Project, Silent};

use crate::backends::each;
use crate::recipes::{RECIPE, project};

fn accuracy(project: &Project, backend: Backend) -> f64 {
    project.restart().unwrap();
    project.train(backend, &mut Silent).unwrap().evaluation.metrics["accuracy"]
}

#[test]
fn every_backend_learns() {
    let directory = tempfile::tempdir().unwrap();
    let project = project(directory.path(), RECIPE);
    for backend in each() {
        let accuracy = accuracy(&project, backend);
        assert!(accuracy > 0.85, "{backend} reached {accuracy}");
    }
}

/// Stands for a kill: unwinds out of the training after some epochs.
struct Killer(usize);

impl Observer for Killer {
    fn epoch(&mut self, record: &EpochRecord, _: bool) {
        assert!(record.epoch < self.0, "killed");
    }
}

#[test]
fn a_killed_training_goes_on_to_the_same_result() {
    let whole = tempfile::tempdir().unwrap();
    let expected = project(whole.path(), RECIPE).train(Backend::Flex, &mut Silent).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let project = project(directory.path(), RECIPE);
    for epoch in [1, 4, 9] {
        let killed =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| project.train(Backend::Flex, &mut Killer(epoch))));
        assert!(killed.is_err(), "the observer ends it after epoch {epoch}");
    }
    let resumed = project.train(Backend::Flex, &mut Silent).unwrap();
    assert_eq!(resumed.trained, expected.trained);
}

#[test]
fn training_stops_early_and_keeps_the_best() {
    let recipe = RECIPE.replace("epochs = 30", "epochs = 400") + "early-stopping = { patience = 3 }\n";
    let directory = tempfile::tempdir().unwrap();
    let outcome = project(directory.path(), &recipe).train(Backend::Flex, &mut Silent).unwrap();
    let history = &outcome.trained.history;
    assert_eq!(history.ended, Ended::EarlyStopping);
    assert_eq!(history.epochs.len(), history.best_epoch + 3);
    let losses = history.epochs.iter().map(|epoch| epoch.validation_loss.unwrap());
    let least = losses.fold(f64::INFINITY, f64::min);
    assert_eq!(history.epochs[history.best_epoch - 1].validation_loss, Some(least));
}

#[test]
fn every_optimizer_schedule_and_loss_learns() {
    let variants = [
        ("{ type = \"sgd\", learning-rate = 0.2, momentum = 0.9, nesterov = true }", "cross-entropy", ""),
        ("{ type = \"adam\", learning-rate = 0.03 }", "mse", "schedule = { type = \"cosine\", minimum = 0.001 }\n"),
        (
            "{ type = \"adam\", learning-rate = 0.03 }",
            "mae",
            "schedule = { type = \"step\", every = 6, gamma = 0.5 }\n",
        ),
    ];
    for (optimizer, loss, schedule) in variants {
        let recipe = RECIPE
            .replace("{ type = \"adam\", learning-rate = 0.02 }", optimizer)
            .replace("\"cross-entropy\"", &format!("\"{loss}\""))
            .replace("epochs = 30", "epochs = 60")
            + schedule;
        let directory = tempfile::tempdir().unwrap();
        let accuracy = accuracy(&project(directory.path(), &recipe), Backend::Flex);
        assert!(accuracy > 0.7, "{optimizer} with {loss} reached {accuracy}");
    }
}

#[test]
fn another_recipe_does_not_go_on_from_the_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    project(directory.path(), RECIPE).train(Backend::Flex, &mut Silent).unwrap();
    let changed = project(directory.path(), &RECIPE.replace("units = 16", "units = 8"));
    assert!(changed.outcome().unwrap_err().is_not_found());
    let outcome = changed.train(Backend::Flex, &mut Silent).unwrap();
    assert_eq!(outcome.trained.history.epochs.len(), 30);
}

#[test]
fn a_loss_that_is_no_number_ends_training_with_advice() {
    let recipe = RECIPE.replace("\"adam\", learning-rate = 0.02", "\"sgd\", learning-rate = 1e38");
    let directory = tempfile::tempdir().unwrap();
    let error = project(directory.path(), &recipe).train(Backend::Flex, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("loss became"), "{error}");
    assert!(error.hint().unwrap().contains("learning-rate"));
}

#[test]
fn batch_normalisation_learns_and_keeps_running_statistics() {
    let recipe = RECIPE.replace("type = \"dropout\"\nrate = 0.1", "type = \"batch-norm\"");
    let directory = tempfile::tempdir().unwrap();
    let project = project(directory.path(), &recipe);
    let outcome = project.train(Backend::Flex, &mut Silent).unwrap();
    assert!(outcome.evaluation.metrics["accuracy"] > 0.8);
    let statistics = project.layers.parameters.iter().filter(|parameter| !parameter.trainable);
    for parameter in statistics {
        let (_, _, values) = outcome.trained.parameters.iter().find(|(name, ..)| *name == parameter.name).unwrap();
        assert!(values.iter().any(|value| *value != 0.0 && *value != 1.0), "{} never moved", parameter.name);
    }
}

/// Trains the same project again while it is being trained.
struct Intruder<'a>(&'a Project, Option<briq_model::ModelErrorKind>);

impl Observer for Intruder<'_> {
    fn epoch(&mut self, _: &EpochRecord, _: bool) {
        self.1 = self.0.train(Backend::Flex, &mut Silent).err().map(|error| error.kind());
    }
}

#[test]
fn two_trainings_of_one_project_do_not_meet() {
    let directory = tempfile::tempdir().unwrap();
    let project = project(directory.path(), RECIPE);
    let mut intruder = Intruder(&project, None);
    project.train(Backend::Flex, &mut intruder).unwrap();
    assert_eq!(intruder.1, Some(briq_model::ModelErrorKind::Busy));
}

#[test]
fn figures_that_belong_to_other_parameters_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let project = project(directory.path(), RECIPE);
    project.train(Backend::Flex, &mut Silent).unwrap();
    let path = directory.path().join(".briq/trained.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(project.outcome().unwrap_err().is_not_found());
}
