//! Long work on a terminal: bars that redraw themselves. Elsewhere: plain lines.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use briq_model::{EpochRecord, Observer};
use briq_registry::{Progress, Snapshot};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::is_interactive;

/// Shows a training: a bar for each epoch with live loss and accuracy, a line for each epoch that is done.
pub(crate) struct TrainingProgress {
    bar: ProgressBar,
    epochs: usize,
    batches: usize,
    quiet: bool,
}

impl TrainingProgress {
    pub(crate) fn new(quiet: bool) -> Self {
        let target =
            if is_interactive() && !quiet { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{prefix} {bar:28} {pos}/{len} {msg}");
        bar.set_style(style.expect("the template is well-formed"));
        Self { bar, epochs: 0, batches: 0, quiet }
    }

    fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        if is_interactive() { self.bar.println(text) } else { eprintln!("{text}") }
    }
}

impl Observer for TrainingProgress {
    fn begin(&mut self, epochs: usize, epochs_done: usize, batches: usize) {
        self.epochs = epochs;
        self.batches = batches;
        if epochs_done > 0 {
            self.line(&format!("going on after epoch {epochs_done} of {epochs}, from the checkpoint"));
        }
    }

    fn set_aside(&mut self, path: &Path) {
        self.line(&format!("the checkpoint is of another training and is kept as {}; beginning anew", path.display()));
    }

    fn batch(&mut self, epoch: usize, batch: usize, loss: f64, accuracy: Option<f64>) {
        if batch == 1 {
            self.bar.set_length(self.batches as u64);
            self.bar.set_prefix(format!("epoch {epoch:>3}/{}", self.epochs));
        }
        self.bar.set_position(batch as u64);
        let accuracy = accuracy.map(|value| format!("  accuracy {:.2} %", 100.0 * value)).unwrap_or_default();
        self.bar.set_message(format!("loss {loss:.4}{accuracy}"));
    }

    fn epoch(&mut self, record: &EpochRecord, best: bool) {
        let percent = |value: Option<f64>| value.map(|value| format!("  accuracy {:.2} %", 100.0 * value));
        let validation = record.validation_loss.map(|loss| {
            format!("  validation loss {loss:.4}{}", percent(record.validation_accuracy).unwrap_or_default())
        });
        let mark = if best { "  *" } else { "" };
        self.line(&format!(
            "epoch {:>3}/{}  loss {:.4}{}{}{mark}",
            record.epoch,
            self.epochs,
            record.train_loss,
            percent(record.train_accuracy).unwrap_or_default(),
            validation.unwrap_or_default(),
        ));
    }
}

impl Drop for TrainingProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A transfer that is shown, and whose figures can be asked for when it is over.
pub(crate) struct Transfer {
    pub(crate) progress: Progress,
    last: Arc<Mutex<Option<Snapshot>>>,
}

impl Transfer {
    /// Shows bytes on a terminal, and warnings everywhere.
    pub(crate) fn new(verb: &'static str) -> Self {
        let bar = Arc::new(Mutex::new(None::<ProgressBar>));
        let last = Arc::new(Mutex::new(None));
        let (shown, latest) = (Arc::clone(&bar), Arc::clone(&last));
        let progress = Progress::new(move |snapshot| {
            *held(&latest) = Some(snapshot);
            if is_interactive() {
                show(&mut held(&shown), verb, snapshot);
            }
        });
        let progress = progress.with_warnings(move |text| match &*held(&bar) {
            Some(bar) => bar.suspend(|| eprintln!("warning: {text}")),
            None => eprintln!("warning: {text}"),
        });
        Self { progress, last }
    }

    /// Bytes that went over the network, and bytes that did not have to.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        held(&self.last).map_or((0, 0), |snapshot| (snapshot.bytes_moved, snapshot.bytes_reused))
    }
}

/// Shows a transfer of whose figures nobody asks.
pub(crate) fn transfer(verb: &'static str) -> Progress {
    Transfer::new(verb).progress
}

fn held<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

fn show(bar: &mut Option<ProgressBar>, verb: &'static str, snapshot: Snapshot) {
    let bar = bar.get_or_insert_with(|| bytes_bar(verb, snapshot.bytes));
    bar.set_position(snapshot.bytes_done);
    if snapshot.blobs_done == snapshot.blobs {
        bar.finish_and_clear();
    }
}

fn bytes_bar(verb: &'static str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {bar:28} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}");
    let bar = ProgressBar::new(total).with_prefix(verb);
    bar.set_style(style.expect("the template is well-formed"));
    bar
}
