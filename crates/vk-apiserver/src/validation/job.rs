//! Jobs (`pkg/apis/batch/validation`), as far as their pods run without an index.

use serde_json::Value;

use super::validate_pod_template;
use crate::api_error::FieldError;
use crate::object::Object;

/// What is wrong with a new Job.
pub(crate) fn validate_job(job: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"] {
        let value = job.integer(&format!("/spec/{field}")).unwrap_or_default();
        if value < 0 {
            let detail = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(format!("spec.{field}"), value, detail));
        }
    }
    let mode = job.text("/spec/completionMode");
    if !matches!(mode, "NonIndexed" | "Indexed") {
        errors.push(FieldError::not_supported("spec.completionMode", mode, &["Indexed", "NonIndexed"]));
    }
    if mode == "Indexed" && job.at("/spec/completions").is_none() {
        errors.push(FieldError::required("spec.completions", "when completion mode is Indexed"));
    }
    errors.extend(replacement(job));
    errors.extend(selector(job));
    errors.extend(validate_pod_template(job, "/spec/template", "spec.template"));
    let policy = job.text("/spec/template/spec/restartPolicy");
    const PATH: &str = "spec.template.spec.restartPolicy";
    if matches!(policy, "Always" | "") {
        errors.push(FieldError::required(PATH, r#"valid values: "OnFailure", "Never""#));
    } else if !matches!(policy, "OnFailure" | "Never") {
        errors.push(FieldError::not_supported(PATH, policy, &["Never", "OnFailure"]));
    }
    errors
}

/// What may not change in a Job.
pub(crate) fn validate_job_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = validate_job(new);
    for field in ["completions", "selector", "template", "completionMode", "managedBy", "podFailurePolicy"] {
        let pointer = format!("/spec/{field}");
        if new.at(&pointer) != old.at(&pointer) {
            let value = new.at(&pointer).cloned().unwrap_or(Value::Null);
            errors.push(FieldError::invalid(format!("spec.{field}"), value, "field is immutable"));
        }
    }
    errors
}

/// A selector is the server's, unless the Job says that it brings its own.
fn selector(job: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let selected = job.strings("/spec/selector/matchLabels");
    let by_hand = job.flag("/spec/manualSelector");
    if by_hand && job.at("/spec/selector").is_none() {
        errors.push(FieldError::required("spec.selector", ""));
    }
    if !by_hand && selected.len() != 1 {
        let value = job.at("/spec/selector").cloned().unwrap_or_default();
        errors.push(FieldError::invalid("spec.selector", value, "`selector` not auto-generated"));
    }
    let labels = job.strings("/spec/template/metadata/labels");
    if selected.is_empty() || selected.iter().any(|(key, value)| labels.get(key) != Some(value)) {
        let value = job.at("/spec/template/metadata/labels").cloned().unwrap_or_default();
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid("spec.template.metadata.labels", value, detail));
    }
    errors
}

fn replacement(job: &Object) -> Option<FieldError> {
    const PATH: &str = "spec.podReplacementPolicy";
    let policy = job.text("/spec/podReplacementPolicy");
    let supported: &[&str] = match job.at("/spec/podFailurePolicy") {
        Some(_) => &["Failed"],
        None => &["Failed", "TerminatingOrFailed"],
    };
    (!supported.contains(&policy)).then(|| FieldError::not_supported(PATH, policy, supported))
}
