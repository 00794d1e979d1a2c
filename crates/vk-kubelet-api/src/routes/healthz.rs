//! `/healthz`, in the words of <https://kubernetes.io/docs/reference/using-api/health-checks/>.

use std::fmt::Write;
use std::sync::Arc;

use http::{Response, StatusCode};
use tokio::time::timeout;

use crate::health::HealthCheck;
use crate::limits::Limits;
use crate::response::{Body, Refusal, text};
use crate::server::NodeServices;

/// Runs all checks, or the one that is named.
pub(super) async fn serve(
    node: &NodeServices,
    limits: &Limits,
    check: Option<&str>,
    query: &str,
) -> Result<Response<Body>, Refusal> {
    let checks: Vec<&Arc<dyn HealthCheck>> = match check {
        None => node.health.iter().collect(),
        // The checks that a kubelet always has: the server answers, and nothing keeps it from logging.
        Some("ping" | "log") => Vec::new(),
        Some(name) => {
            let found = node.health.iter().find(|check| check.name() == name);
            vec![found.ok_or_else(|| Refusal::not_found("there is no health check of this name"))?]
        }
    };
    let mut report = String::from("[+]ping ok\n[+]log ok\n");
    let mut healthy = true;
    for check in checks {
        let outcome = match timeout(limits.backend_timeout, check.check()).await {
            Ok(outcome) => outcome,
            Err(_) => Err("no answer in time".to_owned()),
        };
        // Writing to a string cannot fail.
        let _ = match outcome {
            Ok(()) => writeln!(report, "[+]{} ok", check.name()),
            Err(reason) => {
                healthy = false;
                writeln!(report, "[-]{} failed: {reason}", check.name())
            }
        };
    }
    let verbose = form_urlencoded::parse(query.as_bytes()).any(|(key, _)| key == "verbose");
    Ok(match (healthy, verbose) {
        (false, _) => text(StatusCode::INTERNAL_SERVER_ERROR, report + "healthz check failed\n"),
        (true, true) => text(StatusCode::OK, report + "healthz check passed\n"),
        (true, false) => text(StatusCode::OK, "ok"),
    })
}
