//! `adapter_config.json`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::ImportError;

/// What would change the answer, and is not done. It may be there where it says that it is off.
const REFUSED: [&str; 10] = [
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "layer_replication",
    "trainable_token_indices",
    "target_parameters",
    "use_qalora",
    "alora_invocation_tokens",
    "arrow_config",
    "megatron_config",
];

/// What of the configuration counts once an adapter is trained.
pub(super) struct Config {
    rank: usize,
    alpha: f64,
    stabilized: bool,
    ranks: BTreeMap<String, f64>,
    alphas: BTreeMap<String, f64>,
}

impl Config {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ImportError> {
        let malformed = |error| ImportError::malformed("adapter_config.json is no JSON object").because(error);
        let members: Map<String, Value> = serde_json::from_slice(bytes).map_err(malformed)?;
        check(&members)?;
        let flag = |name: &str| members.get(name).is_some_and(is_on);
        Ok(Self {
            rank: members.get("r").and_then(Value::as_u64).filter(|&rank| rank > 0).ok_or_else(|| lacks("r"))? as usize,
            alpha: members.get("lora_alpha").and_then(Value::as_f64).ok_or_else(|| lacks("lora_alpha"))?,
            stabilized: flag("use_rslora"),
            ranks: pattern(&members, "rank_pattern")?,
            alphas: pattern(&members, "alpha_pattern")?,
        })
    }

    /// The rank of a module.
    pub(super) fn rank(&self, module: &str) -> Result<usize, ImportError> {
        Ok(of(&self.ranks, module)?.map_or(self.rank, |rank| rank as usize))
    }

    /// What the product of a module is multiplied by.
    pub(super) fn scale(&self, module: &str, rank: usize) -> Result<f64, ImportError> {
        let alpha = of(&self.alphas, module)?.unwrap_or(self.alpha);
        let divisor = if self.stabilized { (rank as f64).sqrt() } else { rank as f64 };
        Ok(alpha / divisor)
    }
}

fn check(members: &Map<String, Value>) -> Result<(), ImportError> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if text("peft_type") != Some("LORA") {
        let kind = text("peft_type").unwrap_or("of no stated kind");
        return Err(ImportError::unsupported(format!("the adapter is {kind}, and only LORA is read")));
    }
    if let Some(bias) = text("bias").filter(|bias| *bias != "none") {
        return Err(refused(&format!("bias = {bias:?}")));
    }
    match REFUSED.into_iter().find(|name| members.get(*name).is_some_and(is_on)) {
        Some(name) => Err(refused(name)),
        None => Ok(()),
    }
}

fn refused(what: &str) -> ImportError {
    let refused = ImportError::unsupported(format!("the adapter uses {what}, which is not read"));
    refused.advise("merge it into its base, and import the whole")
}

fn lacks(name: &str) -> ImportError {
    ImportError::malformed(format!("adapter_config.json has no number `{name}`"))
}

/// Whether a member says more than that something is not used.
fn is_on(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::String(_) | Value::Number(_) => true,
    }
}

/// Numbers for some modules alone. `peft` reads the names as regular expressions, which are refused.
fn pattern(members: &Map<String, Value>, name: &str) -> Result<BTreeMap<String, f64>, ImportError> {
    let Some(Value::Object(pattern)) = members.get(name) else { return Ok(BTreeMap::new()) };
    let number = |(module, number): (&String, &Value)| {
        let plain = module.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
        let number = number.as_f64().filter(|_| plain).map(|number| (module.clone(), number));
        number.ok_or_else(|| refused(&format!("{name} with {module:?}")))
    };
    pattern.iter().map(number).collect()
}

/// What a pattern has for a module: it names the module, or the end of its name.
fn of(pattern: &BTreeMap<String, f64>, module: &str) -> Result<Option<f64>, ImportError> {
    let named = |name: &str| module.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let mut found = pattern.iter().filter(|(name, _)| named(name)).map(|(_, number)| *number);
    let (first, second) = (found.next(), found.next());
    if second.is_some() {
        // Which one `peft` takes depends on an order that the file need not keep.
        return Err(refused(&format!("two patterns for `{module}`")));
    }
    Ok(first)
}
