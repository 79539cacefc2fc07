//! A folder of `peft` with an adapter, and the package that it changes.

use std::path::Path;

use anyhow::Context as _;
use briq_import::lora;
use briq_model::{AdapterFiles, Origin};

use super::architecture::Pair;
use super::{Match, Target, finish};
use crate::context::Context;
use crate::locate;

const TENSORS: &str = "adapter_model.safetensors";
const CONFIG: &str = "adapter_config.json";

/// Casts the adapter in the folder into a package.
pub(super) fn import(target: &Target, base: &str, map: &[Pair], context: &Context) -> anyhow::Result<()> {
    let (config, tensors) = (read(&target.source, CONFIG)?, read(&target.source, TENSORS)?);
    let base = locate::package(context, base)?;
    let adapter = lora::read(&config, &tensors).with_context(|| target.unread())?;
    let map: Vec<_> = map.iter().map(|pair| (pair.module.clone(), pair.layer.clone())).collect();
    let fitted = adapter.fit(&briq_model::structure(&base)?, &map).with_context(|| target.unread())?;
    let updates: Vec<_> = fitted.iter().map(|fitted| fitted.update.clone()).collect();
    let source = briq_model::source_file("peft", &target.source.join(TENSORS), &tensors);
    let (package, labels) = (target.package(), target.labels()?);
    let files = AdapterFiles { tensors: &tensors, config: &config, updates: &updates };
    let origin = Origin { package: &package, source, labels: &labels };
    let imported = briq_model::import_adapter(&base, &files, &origin)?;
    let matched = fitted.into_iter().map(|fitted| Match { module: fitted.module, layer: fitted.update.parameter });
    finish(target, &imported, matched.collect(), context)
}

fn read(folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let path = folder.join(name);
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}
