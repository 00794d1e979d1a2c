//! The providers of one program, and `virtual-kubelet providers`.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use vk_provider::ProviderFactory;

use crate::error::UsageError;

/// The providers that a program names, in its order.
#[derive(Clone)]
pub struct Providers(Vec<Arc<dyn ProviderFactory>>);

impl Providers {
    /// These providers.
    pub fn new(factories: impl IntoIterator<Item = Arc<dyn ProviderFactory>>) -> Self {
        Self(factories.into_iter().collect())
    }

    /// The provider of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<dyn ProviderFactory>> {
        self.0.iter().find(|factory| factory.name() == name)
    }

    /// All of them, in their order.
    #[cfg(feature = "dev")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn ProviderFactory>> {
        self.0.iter()
    }

    /// The provider that was asked for. Where there is only one, nobody has to ask.
    pub(crate) fn choose(&self, name: Option<&str>) -> Result<&Arc<dyn ProviderFactory>, UsageError> {
        let known = || self.0.iter().map(|factory| factory.name()).collect::<Vec<_>>().join(", ");
        match (name, &self.0[..]) {
            (Some(name), _) => self.find(name).ok_or_else(|| {
                UsageError::new("--provider", format!("there is no provider {name:?}: use one of {}", known()))
            }),
            (None, [only]) => Ok(only),
            (None, _) => Err(UsageError::new("--provider", format!("none is given: use one of {}", known()))),
        }
    }

    /// Prints one line for each provider, its name first.
    pub(crate) fn list(&self, out: &mut impl Write) -> io::Result<()> {
        let width = self.0.iter().map(|factory| factory.name().len()).max().unwrap_or(0);
        for factory in &self.0 {
            writeln!(out, "{:width$}  {}", factory.name(), factory.summary())?;
        }
        Ok(())
    }

    /// Prints which fields of a pod each provider honours, as Markdown.
    pub(crate) fn document(&self, only: Option<&str>, out: &mut impl Write) -> io::Result<()> {
        for factory in self.0.iter().filter(|factory| only.is_none_or(|name| factory.name() == name)) {
            writeln!(out, "## {}\n\n{}\n\n{}", factory.name(), factory.summary(), factory.support().to_markdown())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|factory| factory.name())).finish()
    }
}
