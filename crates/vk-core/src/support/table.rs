//! [`SupportTable`]: a provider's declaration.

/// The fields of a pod that a provider honours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SupportTable {}

impl SupportTable {
    /// Names, images, commands and literal environment: what every back end can do.
    pub fn minimal() -> Self {
        Self {}
    }
}
