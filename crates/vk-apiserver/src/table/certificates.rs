//! CertificateSigningRequests.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::age::{age, human};
use super::{Column, Printer, or_none, text};
use crate::object::Object;

pub(crate) static SIGNING_REQUESTS: Printer = Printer::new(
    &[
        Column::name(),
        Column::age(),
        Column::new("SignerName", "Who is asked to sign."),
        Column::new("Requestor", "Who asks."),
        Column::new("RequestedDuration", "For how long the certificate is wanted."),
        Column::new("Condition", "What became of the request."),
    ],
    cells,
);

fn cells(request: &Object, now: Timestamp) -> Vec<Value> {
    let duration = request.integer("/spec/expirationSeconds").map(|seconds| human(SignedDuration::from_secs(seconds)));
    vec![
        request.name().into(),
        age(request, now).into(),
        or_none(request.text("/spec/signerName")).into(),
        request.text("/spec/username").into(),
        or_none(duration.as_deref().unwrap_or_default()).into(),
        condition(request).into(),
    ]
}

fn condition(request: &Object) -> String {
    let has = |kind| request.items("/status/conditions").iter().any(|condition| text(condition, "/type") == kind);
    let decision = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    };
    let failed = if has("Failed") { ",Failed" } else { "" };
    let issued = if request.text("/status/certificate").is_empty() { "" } else { ",Issued" };
    format!("{decision}{failed}{issued}")
}
