//! The rules that the types of a manifest cannot express.

use std::collections::HashSet;

use super::{Adapter, AdapterUpdate, MAX_ENTRIES, Manifest, WHAT, limit, named};
use crate::entry::EntryPath;
use crate::error::SpecError;
use crate::signature::TensorSpec;
use crate::variant::Variant;

impl Manifest {
    /// Checks the rules that the types cannot express.
    ///
    /// The entries are sorted, each path once, none both file and folder; every file that the manifest speaks of is
    /// among them, and every shard is named once; the base is named with its digest; an adapter has one and changes
    /// something of it; a variant says something, each backend once; tensor names are unique and shapes legal; numbers are finite; the format is the least that has all that is used.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), SpecError> {
        if self.format != self.least_format() {
            return Err(invalid(format!("its format is {} instead of {}", self.format, self.least_format())));
        }
        self.check_entries()?;
        self.check_mentions()?;
        self.check_shards()?;
        self.check_base()?;
        self.check_adapter()?;
        self.check_variant()?;
        check_tensors("input", &self.signature.inputs)?;
        check_tensors("output", &self.signature.outputs)?;
        self.check_numbers()
    }

    fn check_entries(&self) -> Result<(), SpecError> {
        if self.entries.len() > MAX_ENTRIES {
            return Err(limit(format!("it lists {} entries, and at most {MAX_ENTRIES} are read", self.entries.len())));
        }
        if let Some(own) = self.entries.iter().find(|entry| entry.path.is_manifest() || entry.path.is_seal()) {
            return Err(invalid(format!("it lists {}, which no manifest may", own.path)));
        }
        if let Some(pair) = self.entries.windows(2).find(|pair| pair[0].path >= pair[1].path) {
            return Err(invalid(format!(
                "{} stands after {}: paths are sorted, each once",
                pair[1].path, pair[0].path
            )));
        }
        self.check_folders()
    }

    /// No unpacked tree can hold `a` and `a/b`.
    fn check_folders(&self) -> Result<(), SpecError> {
        let folders: HashSet<&str> = self.entries.iter().flat_map(|entry| entry.path.folders()).collect();
        let clash = |path: &str| folders.contains(path) || path == "signatures" || path.starts_with("briq.json/");
        match self.entries.iter().find(|entry| clash(entry.path.as_str())) {
            Some(entry) => Err(invalid(format!("{} is both a file and a folder", entry.path))),
            None => Ok(()),
        }
    }

    fn check_mentions(&self) -> Result<(), SpecError> {
        match self.mentions().find(|(_, path)| self.entry(path).is_none()) {
            Some((role, path)) => Err(invalid(format!("its {role} {path} is not among its entries"))),
            None => Ok(()),
        }
    }

    /// The paths that the manifest speaks of, with what they are.
    fn mentions(&self) -> impl Iterator<Item = (&'static str, &EntryPath)> {
        let golden = self.golden.iter();
        std::iter::once(("structure", &self.model.structure))
            .chain(self.model.weights.iter().map(|path| ("weights", path)))
            .chain(self.labels.iter().map(|path| ("labels", path)))
            .chain(self.lineage.recipe.iter().map(|path| ("recipe", path)))
            .chain(golden.flat_map(|golden| [("golden inputs", &golden.inputs), ("golden outputs", &golden.outputs)]))
    }

    fn check_shards(&self) -> Result<(), SpecError> {
        let mut seen = HashSet::new();
        match self.model.weights.iter().find(|path| !seen.insert(*path)) {
            Some(path) => Err(invalid(format!("its weights name {path} twice"))),
            None => Ok(()),
        }
    }

    fn check_base(&self) -> Result<(), SpecError> {
        match self.lineage.base.as_deref().filter(|_| self.base().is_none()) {
            Some(base) => Err(invalid(format!("its base {base:?} is not NAME@blake3:HEX"))),
            None => Ok(()),
        }
    }

    fn check_adapter(&self) -> Result<(), SpecError> {
        let Some(Adapter { updates, .. }) = &self.adapter else { return Ok(()) };
        if self.lineage.base.is_none() {
            return Err(invalid("it is an adapter, and its lineage names no base".into()));
        }
        if updates.is_empty() {
            return Err(invalid("it is an adapter, and changes no parameter of its base".into()));
        }
        let mut seen = HashSet::new();
        match updates.iter().find(|update| !seen.insert(&update.parameter)) {
            Some(update) => Err(invalid(format!("its adapter changes {:?} twice", update.parameter))),
            None => updates.iter().try_for_each(check_update),
        }
    }

    fn check_variant(&self) -> Result<(), SpecError> {
        let Some(variant) = &self.variant else { return Ok(()) };
        if *variant == Variant::default() {
            return Err(invalid("its variant says nothing".into()));
        }
        if let Some(of) = variant.of.as_deref().filter(|of| named(of).is_none()) {
            return Err(invalid(format!("it is a variant of {of:?}, which is not NAME@blake3:HEX")));
        }
        let word = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if let Some(name) = variant.backends.iter().find(|name| !word(name)) {
            return Err(invalid(format!("its variant is for {name:?}, which is no name of a backend")));
        }
        let mut seen = HashSet::new();
        match variant.backends.iter().find(|name| !seen.insert(*name)) {
            Some(name) => Err(invalid(format!("its variant names {name} twice"))),
            None => Ok(()),
        }
    }

    fn check_numbers(&self) -> Result<(), SpecError> {
        if let Some((name, _)) = self.metrics.iter().find(|(_, value)| !value.is_finite()) {
            return Err(invalid(format!("its metric {name} is not a finite number")));
        }
        let mut tolerances = self.golden.iter().flat_map(|golden| &golden.tolerances);
        let legal = |value: f64| value.is_finite() && value >= 0.0;
        match tolerances.find(|(_, tolerance)| !legal(tolerance.absolute) || !legal(tolerance.relative)) {
            Some((class, _)) => Err(invalid(format!("its tolerance for {class} is not a finite number from 0 up"))),
            None => Ok(()),
        }
    }
}

fn check_update(update: &AdapterUpdate) -> Result<(), SpecError> {
    let of = |what: &str| invalid(format!("its adapter's change of {:?} {what}", update.parameter));
    if [&update.parameter, &update.down, &update.up].into_iter().any(String::is_empty) {
        return Err(of("has an empty name"));
    }
    if update.rank == 0 {
        return Err(of("has no rank"));
    }
    if update.scale.is_finite() { Ok(()) } else { Err(of("has a scale that is not a finite number")) }
}

fn check_tensors(role: &str, tensors: &[TensorSpec]) -> Result<(), SpecError> {
    let mut seen = HashSet::new();
    for tensor in tensors {
        if tensor.name.is_empty() || !seen.insert(&tensor.name) {
            return Err(invalid(format!("its {role} {:?} has no name of its own", tensor.name)));
        }
        if tensor.shape.iter().any(|&dim| dim < -1) {
            return Err(invalid(format!("its {role} {tensor} has a dimension below -1")));
        }
    }
    Ok(())
}

fn invalid(reason: String) -> SpecError {
    SpecError::invalid(WHAT, "", reason)
}
