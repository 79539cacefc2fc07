//! NumPy's `.npy`: one array of `f32` or `f64`, C order.

use std::path::Path;

use anyhow::Context as _;
use briq_engine::{Tensor, TensorSpec};
use npyz::{DType, NpyFile, Order};

use crate::exit::{Code, Failure};

/// Reads the array for the only input of a network.
pub(super) fn read(path: &Path, spec: &TensorSpec) -> anyhow::Result<Tensor> {
    let failed = || format!("cannot read {}", path.display());
    let file = std::io::BufReader::new(std::fs::File::open(path).with_context(failed)?);
    let array = NpyFile::new(file).with_context(failed)?;
    if array.order() != Order::C {
        let message = format!("{} is in Fortran order", path.display());
        return Err(Failure::new(Code::Input, message).hint("save numpy.ascontiguousarray(x)").into());
    }
    let shape = array.shape().iter().map(|&length| usize::try_from(length)).collect::<Result<Vec<_>, _>>()?;
    let values: Vec<f32> = match array.dtype() {
        DType::Plain(kind) if kind.to_string().ends_with("f8") => {
            array.into_vec::<f64>().with_context(failed)?.into_iter().map(|value| value as f32).collect()
        }
        _ => array.into_vec::<f32>().with_context(failed)?,
    };
    Ok(Tensor::from_f32(&spec.name, &shape, &values))
}
