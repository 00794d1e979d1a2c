//! Which provider a development cluster uses.

use std::time::Duration;

use crate::error::UsageError;
use crate::providers::Providers;

/// A back end on this machine answers at once, or is not there.
const PATIENCE: Duration = Duration::from_secs(1);

/// The provider that was asked for; otherwise the first one whose back end answers.
pub(super) async fn choose<'a>(providers: &'a Providers, asked: Option<&str>) -> Result<&'a str, UsageError> {
    if asked.is_some() {
        return Ok(providers.choose(asked)?.name());
    }
    for factory in providers.iter() {
        if tokio::time::timeout(PATIENCE, factory.answers()).await.unwrap_or(false) {
            return Ok(factory.name());
        }
    }
    Ok(providers.choose(None)?.name())
}
