//! The support table: which fields of a pod a provider honours (invariant 11).

mod table;

pub use table::SupportTable;
