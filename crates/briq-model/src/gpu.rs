//! The wgpu device: opened once per process, described for people.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::backend::{Backend, BackendError, BackendReport};

/// What to do where no adapter is found.
const INSTALL_VULKAN: &str = "install a Vulkan driver for your GPU; on Debian, \
    `apt-get install mesa-vulkan-drivers libvulkan1` also gives a software adapter";

/// Where a GPU's measurements are kept, once somebody said so.
static TUNING: OnceLock<PathBuf> = OnceLock::new();

/// Keeps what a GPU measured of its kernels in `folder`, so that the next process that opens it does not measure again.
///
/// A GPU has several kernels for one operator, and the fastest for a shape is found by trying them when the shape is
/// first met. The folder is made when it is needed, may be shared by processes and may be deleted at any time; where it
/// cannot be written to, measurements last as long as the process. It is to be called before a GPU is opened; of several
/// calls the first holds. Without one, burn's own default holds (`burn.toml`, else the user's cache directory).
pub fn keep_tuning_in(folder: impl Into<PathBuf>) {
    let _ = TUNING.set(folder.into());
}

#[cfg(feature = "wgpu")]
mod enabled {
    use std::path::Path;
    use std::sync::{Mutex, OnceLock, PoisonError};

    use burn::tensor::Device;
    #[cfg(target_os = "linux")]
    use burn::tensor::wgpu::wgpu::hal;
    use burn::tensor::wgpu::wgpu::{Adapter, AdapterInfo, Backends, DeviceType, Instance, InstanceDescriptor};
    use cubecl_environment::environment;
    use cubecl_environment::persistence::{Access, Database};
    use cubecl_environment::records::{self, RecordLevel, RecordsConfig};

    use super::{Backend, BackendError, BackendReport, INSTALL_VULKAN, TUNING};

    #[derive(Clone)]
    pub(crate) struct Gpu {
        pub(crate) device: Device,
        pub(crate) hardware: bool,
        info: AdapterInfo,
        /// Bytes of its own memory, where the driver tells.
        pub(crate) memory: Option<u64>,
        /// Bytes of the largest single buffer.
        buffer: u64,
        features: Vec<String>,
    }

    /// A device can be registered once per process, so the outcome is kept, a failure too.
    pub(crate) fn open() -> Result<Gpu, BackendError> {
        static GPU: OnceLock<Result<Gpu, String>> = OnceLock::new();
        GPU.get_or_init(register)
            .clone()
            .map_err(|reason| BackendError::unavailable(Backend::Wgpu, reason, INSTALL_VULKAN))
    }

    /// The GPU, if it is no software rasteriser. Unless there is one nothing is opened: an open device keeps a thread that
    /// wakes thousands of times a second.
    pub(crate) fn open_hardware() -> Option<Gpu> {
        static PRESENT: OnceLock<bool> = OnceLock::new();
        PRESENT.get_or_init(|| has_node(Path::new("/dev")) && has_adapter()).then(open)?.ok().filter(|gpu| gpu.hardware)
    }

    /// Whether a graphics API knows of hardware. Looking loads all drivers, which takes as long as opening one.
    fn has_adapter() -> bool {
        let _alone = LOADER.lock().unwrap_or_else(PoisonError::into_inner);
        let instance = Instance::new(InstanceDescriptor::new_without_display_handle());
        let adapters = burn_std::future::block_on(instance.enumerate_adapters(Backends::all()));
        adapters.iter().any(|adapter| adapter.get_info().device_type != DeviceType::Cpu)
    }

    /// Whether the kernel's drivers may have hardware. On Linux a driver speaks with its GPU through a file in `/dev`.
    fn has_node(devices: &Path) -> bool {
        /// Of the kernel's own drivers, NVIDIA's on servers and boards, Windows' subsystem, Arm's and Qualcomm's.
        const NODES: [&str; 7] = ["dri", "nvidia", "nvhost", "nvgpu", "dxg", "mali", "kgsl"];
        let Ok(entries) = devices.read_dir() else { return true };
        let known = |name: &str| NODES.iter().any(|node| name.starts_with(node));
        !cfg!(target_os = "linux") || entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(known))
    }

    /// Held while instances are made or dropped: Vulkan's loader does not bear that on several threads at once.
    static LOADER: Mutex<()> = Mutex::new(());

    fn register() -> Result<Gpu, String> {
        let _alone = LOADER.lock().unwrap_or_else(PoisonError::into_inner);
        let options = Device::wgpu_options();
        let (device, setup) = options.init_with_setup().map_err(|error| error.to_string())?;
        let info = setup.adapter.get_info();
        // Opening the device reads burn's configuration, which names a folder too: this one is the last word.
        if let Some(folder) = TUNING.get() {
            records::configure(RecordsConfig { level: RecordLevel::Off, keep_sessions: Some(0) });
            environment::set_root(folder);
            discard_damaged(&environment::path());
        }
        Ok(Gpu {
            device,
            hardware: info.device_type != DeviceType::Cpu,
            info,
            memory: memory(&setup.adapter),
            buffer: setup.adapter.limits().max_buffer_size,
            features: features(&setup.adapter.features()),
        })
    }

    /// Removes a database that cannot be opened: what it held is measured again.
    fn discard_damaged(database: &Path) {
        if Database::open_at(database, Access::ReadWrite).is_ok() {
            return;
        }
        for suffix in ["", "-wal", "-tshm"] {
            let mut file = database.as_os_str().to_owned();
            file.push(suffix);
            // Where it cannot be removed, or is none, tuning lasts as long as the process.
            let _ = std::fs::remove_file(file);
        }
    }

    /// The heaps that are the device's own. wgpu does not tell of them, Vulkan does.
    #[cfg(target_os = "linux")]
    fn memory(adapter: &Adapter) -> Option<u64> {
        /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`, Vulkan 1.3, "Device Memory".
        const DEVICE_LOCAL: u32 = 1;
        // SAFETY: the adapter is only asked, and outlives the question; nothing of it is destroyed or kept.
        let properties = unsafe {
            let vulkan = adapter.as_hal::<hal::api::Vulkan>()?;
            let device = vulkan.raw_physical_device();
            vulkan.shared_instance().raw_instance().get_physical_device_memory_properties(device)
        };
        let heaps = properties.memory_heaps.iter().take(properties.memory_heap_count as usize);
        let own = heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0);
        Some(own.map(|heap| heap.size).fold(0, u64::saturating_add))
    }

    #[cfg(not(target_os = "linux"))]
    fn memory(_: &Adapter) -> Option<u64> {
        None
    }

    fn features(features: &burn::tensor::wgpu::wgpu::Features) -> Vec<String> {
        use burn::tensor::wgpu::wgpu::Features;
        let known = [
            ("f16", Features::SHADER_F16),
            ("subgroups", Features::SUBGROUP),
            ("timestamps", Features::TIMESTAMP_QUERY),
        ];
        known.iter().filter(|(_, feature)| features.contains(*feature)).map(|(name, _)| (*name).to_owned()).collect()
    }

    pub(crate) fn report() -> BackendReport {
        match open() {
            Ok(gpu) => described(&gpu),
            Err(error) => super::missing(&error),
        }
    }

    fn described(gpu: &Gpu) -> BackendReport {
        let kind = if gpu.hardware { "" } else { " (software)" };
        BackendReport {
            backend: "wgpu".into(),
            available: true,
            device: format!("{}{kind}", gpu.info.name),
            driver: format!("{} {} over {:?}", gpu.info.driver, gpu.info.driver_info, gpu.info.backend),
            memory: gpu.memory,
            buffer: Some(gpu.buffer),
            features: gpu.features.clone(),
            hint: None,
        }
    }

    #[cfg(all(test, target_os = "linux"))]
    mod tests {
        use super::*;

        #[test]
        fn hardware_has_a_node() {
            let devices = tempfile::tempdir().expect("a folder");
            std::fs::write(devices.path().join("null"), "").expect("written");
            assert!(!has_node(devices.path()));
            std::fs::create_dir(devices.path().join("dri")).expect("made");
            assert!(has_node(devices.path()));
            assert!(has_node(&devices.path().join("missing")), "what cannot be read is asked of the drivers");
        }
    }
}

#[cfg(not(feature = "wgpu"))]
mod disabled {
    use burn::tensor::Device;

    use super::{Backend, BackendError, BackendReport};

    pub(crate) struct Gpu {
        pub(crate) device: Device,
        pub(crate) hardware: bool,
        pub(crate) memory: Option<u64>,
    }

    pub(crate) fn open() -> Result<Gpu, BackendError> {
        Err(BackendError::unavailable(
            Backend::Wgpu,
            "this build has no GPU support",
            "build the program with it: cargo install --path crates/briq-cli --locked --features wgpu",
        ))
    }

    pub(crate) fn open_hardware() -> Option<Gpu> {
        open().ok().filter(|gpu| gpu.hardware)
    }

    pub(crate) fn report() -> BackendReport {
        let Err(error) = open() else { unreachable!("this build has no GPU support") };
        super::missing(&error)
    }
}

fn missing(error: &BackendError) -> BackendReport {
    BackendReport {
        backend: "wgpu".into(),
        available: false,
        device: error.to_string(),
        driver: String::new(),
        memory: None,
        buffer: None,
        features: Vec::new(),
        hint: Some(error.hint().to_owned()),
    }
}

#[cfg(not(feature = "wgpu"))]
pub(crate) use disabled::{open, open_hardware, report};
#[cfg(feature = "wgpu")]
pub(crate) use enabled::{open, open_hardware, report};

#[cfg(not(feature = "wgpu"))]
const _: &str = INSTALL_VULKAN;
