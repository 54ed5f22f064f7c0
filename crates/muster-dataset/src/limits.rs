//! Limits of a dataset that is read, so that a hostile one costs little. `docs/reference/dataset.md` says them to
//! those who write datasets.

/// The largest dataset, in octets.
pub const OCTETS: usize = 32 * 1024 * 1024;

/// How deep elements may lie in each other; the root counts.
pub const DEPTH: usize = 32;

/// The most elements, comments and CDATA sections of a dataset together.
pub const MARKUP: usize = 1_000_000;

/// The most elements of one resource.
pub const RESOURCE_ELEMENTS: usize = 300_000;

/// The most attributes of one element, declarations of namespaces included.
pub const ATTRIBUTES: usize = 16;

/// The longest text of one element or attribute as it is written in the dataset, in octets.
pub const TEXT: usize = 1024 * 1024;

/// The most problems that are told at once.
pub const PROBLEMS: usize = 1_000;
