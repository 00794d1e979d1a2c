//! `/metrics` and what lies below it.

use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use tokio::time::timeout;
use vk_provider::StatsRequest;

use super::route::MetricsPage;
use crate::exposition::ExpositionFormat;
use crate::limits::Limits;
use crate::probes;
use crate::response::{Body, Refusal, full, with_type};
use crate::server::NodeServices;
use crate::stats::{StatsReader, container_metrics, resource_metrics};

/// Answers with a page of metrics, in the format that the client prefers.
pub(super) async fn serve(
    node: &NodeServices,
    limits: &Limits,
    stats: &StatsReader,
    page: MetricsPage,
    request: &Parts,
) -> Result<Response<Body>, Refusal> {
    let accept: Vec<&str> = request.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = ExpositionFormat::negotiate(Some(&accept.join(",")));
    let text = match page {
        MetricsPage::Agent => own(node, format)?,
        MetricsPage::Resource => {
            let asked = stats.read(StatsRequest::cpu_and_memory()).await;
            if let Err(error) = &asked {
                tracing::warn!(%error, "the figures for /metrics/resource are missing");
            }
            resource_metrics::document(&asked, format)
        }
        MetricsPage::Containers => container_metrics::document(&*stats.read(StatsRequest::everything()).await?, format),
        MetricsPage::Probes => {
            let asked = timeout(limits.backend_timeout, probes::document(&node.interfaces, format)).await;
            asked.map_err(|_| Refusal::late("the back end"))??
        }
    };
    Ok(with_type(StatusCode::OK, HeaderValue::from_static(format.content_type()), full(text)))
}

fn own(node: &NodeServices, format: ExpositionFormat) -> Result<String, Refusal> {
    let Some(metrics) = &node.metrics else { return Ok(format.convert("# EOF\n".to_owned())) };
    let text = metrics.open_metrics().map_err(|error| {
        tracing::error!(%error, "the agent's metrics cannot be written");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the agent's metrics cannot be written")
    })?;
    Ok(format.convert(text))
}
