//! Why two packages could not be compared.

use briq_graph::GraphError;
use briq_package::PackageError;

/// What could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// An entry cannot be read, or is not what was packed.
    #[error("cannot compare the packages")]
    Package(#[from] PackageError),
    /// A structure is no graph.
    #[error("cannot compare the structure of {package}")]
    Structure {
        /// Name and version of the package.
        package: String,
        /// Why it is none.
        source: Box<GraphError>,
    },
    /// A tensor has no bytes in the shard that the graph says.
    #[error("cannot compare tensor `{tensor}` of {package}: it lies outside of the shards")]
    Tensor {
        /// Name and version of the package.
        package: String,
        /// The tensor.
        tensor: String,
    },
}
