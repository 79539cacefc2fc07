//! The importers, on files that the frameworks wrote.
