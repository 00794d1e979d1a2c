//! From what kube says of a request to what decisions need to know of it.

use std::time::Duration;

use kube::core::Status;
use vk_core::node::ApiFailure;

/// Sends a request with a bound on its time.
pub(super) async fn answered<T>(
    patience: Duration,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, ApiFailure> {
    match tokio::time::timeout(patience, request).await {
        Ok(result) => result.map_err(failure),
        Err(_) => Err(ApiFailure::Unavailable(format!("no answer within {patience:?}"))),
    }
}

pub(super) fn failure(error: kube::Error) -> ApiFailure {
    match error {
        kube::Error::Api(status) => refusal(*status),
        kube::Error::Auth(error) => ApiFailure::Unauthenticated(with_sources(&error)),
        other => ApiFailure::Unavailable(with_sources(&other)),
    }
}

fn refusal(status: Status) -> ApiFailure {
    let wait = status.details.as_ref().map(|details| details.retry_after_seconds).filter(|seconds| *seconds > 0);
    match (status.code, wait) {
        (404, _) => ApiFailure::NotFound,
        (409, _) => ApiFailure::Conflict(status.message),
        (403, _) => ApiFailure::Forbidden(status.message),
        (401, _) => ApiFailure::Unauthenticated(status.message),
        (400 | 422, _) => ApiFailure::Invalid(status.message),
        (429, None) => ApiFailure::Throttled { message: status.message, after: Duration::from_secs(1) },
        (_, Some(seconds)) => {
            ApiFailure::Throttled { message: status.message, after: Duration::from_secs(u64::from(seconds)) }
        }
        (code, None) => ApiFailure::Unavailable(format!("{code} {}", status.message)),
    }
}

/// The causes too: `client error (Connect)` alone helps nobody.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: u16) -> ApiFailure {
        failure(kube::Error::Api(Status::failure("because", "Reason").with_code(code).boxed()))
    }

    #[test]
    fn each_code_is_what_decisions_take_it_for() {
        assert_eq!(of(404), ApiFailure::NotFound);
        assert_eq!(of(409), ApiFailure::Conflict("because".to_owned()));
        assert_eq!(of(403), ApiFailure::Forbidden("because".to_owned()));
        assert_eq!(of(401), ApiFailure::Unauthenticated("because".to_owned()));
        assert_eq!(of(422), ApiFailure::Invalid("because".to_owned()));
        assert_eq!(of(429).requested_delay(), Some(Duration::from_secs(1)));
        assert_eq!(of(503), ApiFailure::Unavailable("503 because".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_answer_is_given_up() {
        let result: Result<(), _> = answered(Duration::from_secs(5), std::future::pending()).await;
        assert!(matches!(result, Err(ApiFailure::Unavailable(_))));
    }
}
