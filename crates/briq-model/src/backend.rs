//! Which of Burn's backends runs a network, chosen when the program runs.

use std::fmt;
use std::str::FromStr;

use briq_spec::{Machine, variant};
use burn::tensor::Device;

/// A Burn backend, or the instruction to pick the best one that this machine has.
///
/// ```
/// use briq_model::Backend;
/// let backend: Backend = "flex".parse()?;
/// assert_eq!(backend.to_string(), "flex");
/// let device = backend.device()?;
/// # Ok::<(), briq_model::BackendError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Backend {
    /// A hardware GPU through wgpu where there is one, else [`Backend::Flex`].
    #[default]
    Auto,
    /// `burn-flex`: pure Rust on the CPU, the CPU default.
    Flex,
    /// `burn-ndarray`: pure Rust on the CPU, deprecated by its authors but selectable.
    Ndarray,
    /// `burn-wgpu`: GPUs through Vulkan, Metal, DirectX or a software Vulkan driver.
    Wgpu,
}

/// Each backend by name, in the order in which `auto` is explained.
pub const BACKENDS: [(&str, Backend); 4] =
    [("auto", Backend::Auto), ("flex", Backend::Flex), ("ndarray", Backend::Ndarray), ("wgpu", Backend::Wgpu)];

impl Backend {
    /// Opens the backend's default device.
    ///
    /// # Errors
    /// When this build lacks the backend, or this machine has nothing that it could run on.
    pub fn device(self) -> Result<Device, BackendError> {
        match self {
            Self::Auto => Ok(hardware_gpu().unwrap_or_else(Device::flex)),
            Self::Flex => Ok(Device::flex()),
            Self::Ndarray => Ok(ndarray()),
            Self::Wgpu => crate::gpu::open().map(|gpu| gpu.device),
        }
    }

    /// The backend that `auto` stands for on this machine; any other is itself.
    #[must_use]
    pub fn resolved(self) -> Self {
        match self {
            Self::Auto if hardware_gpu().is_some() => Self::Wgpu,
            Self::Auto => Self::Flex,
            other => other,
        }
    }

    /// The class under which a package states tolerances: `cpu` or `gpu`.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self.resolved() {
            Self::Wgpu => "gpu",
            _ => "cpu",
        }
    }
}

/// Limits the threads that the CPU backends compute with; call it before the first network runs.
///
/// Later calls change nothing: the pool of threads is made once per process.
pub fn limit_threads(threads: usize) {
    // Fails only when the pool is there already.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global();
}

#[expect(deprecated, reason = "ndarray stays selectable although its authors favour flex")]
fn ndarray() -> Device {
    Device::ndarray()
}

/// The first GPU that is no software rasteriser: emulation would be slower than flex.
fn hardware_gpu() -> Option<Device> {
    crate::gpu::open_hardware().map(|gpu| gpu.device)
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = BACKENDS.iter().find(|(_, backend)| backend == self).expect("every backend is in the table");
        f.write_str(name)
    }
}

impl FromStr for Backend {
    type Err = BackendError;

    fn from_str(text: &str) -> Result<Self, BackendError> {
        BACKENDS
            .iter()
            .find(|(name, _)| *name == text)
            .map(|&(_, backend)| backend)
            .ok_or_else(|| BackendError::unknown(text))
    }
}

/// What one backend finds on this machine, as `briq backends` lists it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct BackendReport {
    /// Name as given to `--backend`.
    pub backend: String,
    /// Whether a network can run on it here.
    pub available: bool,
    /// The adapter or processor, or what is missing.
    pub device: String,
    /// Driver and graphics API; empty on a CPU backend.
    pub driver: String,
    /// Bytes of memory: of the machine or container on a CPU, its own on a GPU, where the driver tells.
    pub memory: Option<u64>,
    /// Bytes of the largest single buffer on a GPU.
    pub buffer: Option<u64>,
    /// Processor or adapter features that the kernels use.
    pub features: Vec<String>,
    /// What to install where it is not available.
    pub hint: Option<String>,
}

/// Looks at every backend of this build and machine.
#[must_use]
pub fn backends() -> Vec<BackendReport> {
    vec![cpu_report("flex"), cpu_report("ndarray"), crate::gpu::report()]
}

/// The devices of this machine that a backend, or `auto` any of them, could compute on; the best first.
///
/// Where a version has variants, these choose.
#[must_use]
pub fn machine(backend: Backend) -> Machine {
    let on = |backend: Backend, memory| variant::Device { backend: backend.to_string(), memory };
    let devices = match backend {
        Backend::Auto => {
            let gpu = crate::gpu::open_hardware().map(|gpu| on(Backend::Wgpu, gpu.memory));
            gpu.into_iter().chain([on(Backend::Flex, memory())]).collect()
        }
        Backend::Wgpu => vec![on(backend, crate::gpu::open().ok().and_then(|gpu| gpu.memory))],
        Backend::Flex | Backend::Ndarray => vec![on(backend, memory())],
    };
    Machine { devices }
}

fn cpu_report(name: &str) -> BackendReport {
    BackendReport {
        backend: name.to_owned(),
        available: true,
        device: processor(),
        driver: String::new(),
        memory: memory(),
        buffer: None,
        features: processor_features(),
        hint: None,
    }
}

fn processor() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    format!("{model}, {threads} threads")
}

/// The machine's, or what a container leaves of it.
fn memory() -> Option<u64> {
    let kibibytes = field("/proc/meminfo", "MemTotal")?;
    let number: u64 = kibibytes.split_whitespace().next()?.parse().ok()?;
    // Linux, "Control Group v2"; it says `max` where there is no limit.
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX);
    Some(limit.min(number * 1024))
}

/// The first `key : value` line of a file of the proc file system; absent elsewhere.
fn field(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

#[cfg(target_arch = "x86_64")]
fn processor_features() -> Vec<String> {
    let known = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    known.iter().filter(|(_, found)| *found).map(|(name, _)| (*name).to_owned()).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn processor_features() -> Vec<String> {
    Vec::new()
}

/// A backend that is unknown, not in this build, or has nothing to run on.
#[derive(Debug, thiserror::Error)]
#[error("cannot use backend `{backend}`: {reason}")]
pub struct BackendError {
    backend: String,
    reason: String,
    hint: String,
    unknown: bool,
}

impl BackendError {
    fn unknown(text: &str) -> Self {
        let names: Vec<_> = BACKENDS.iter().map(|(name, _)| *name).collect();
        Self {
            backend: text.to_owned(),
            reason: "no backend has this name".into(),
            hint: format!("use one of {}", names.join(", ")),
            unknown: true,
        }
    }

    pub(crate) fn unavailable(backend: Backend, reason: impl fmt::Display, hint: &str) -> Self {
        Self { backend: backend.to_string(), reason: reason.to_string(), hint: hint.to_owned(), unknown: false }
    }

    /// What to install or to choose instead.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// Whether the name itself is unknown, as against a backend that this machine lacks.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_round_trips() {
        for (name, backend) in BACKENDS {
            assert_eq!(name.parse::<Backend>().expect("a known name"), backend);
            assert_eq!(backend.to_string(), name);
        }
    }

    #[test]
    fn rejects_an_unknown_name_with_the_known_ones() {
        let error = "cuda".parse::<Backend>().expect_err("not a backend of briq");
        assert!(error.is_unknown());
        assert_eq!(error.hint(), "use one of auto, flex, ndarray, wgpu");
    }
}
