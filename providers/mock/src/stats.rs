//! The contract's [`Stats`]: what the script says.

use futures::future::BoxFuture;
use vk_provider::{Result, Stats, StatsReply, StatsRequest};

use crate::backend::Request;
use crate::client::Client;

/// Tells what pods pretend to use.
#[derive(Debug, Clone)]
pub(crate) struct MockStats {
    client: Client,
}

impl MockStats {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Stats for MockStats {
    fn stats(&self, _: StatsRequest) -> BoxFuture<'_, Result<StatsReply>> {
        Box::pin(async { Ok(StatsReply::of_pods(self.client.ask(|reply| Request::Stats { reply }).await?)) })
    }
}
