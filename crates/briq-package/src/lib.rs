//! briq-package
