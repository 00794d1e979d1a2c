//! The support table: which fields of a pod a provider honours (invariant 11).
//!
//! A provider declares a [`SupportTable`]; [`SupportTable::check`] compares a pod with it and names every request that
//! would go unheard. What becomes of such a pod (`strict` refuses it, `warn` runs it) is up to the caller.

mod catalogue;
mod check;
mod markdown;
mod table;
mod token_volume;

pub use catalogue::FieldGroup;
pub use check::UnsupportedField;
pub use table::{SupportTable, TokenVolume, Values};
pub use token_volume::{is_injected_token_volume, omit_token_volume};
