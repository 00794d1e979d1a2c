//! Jobs (`pkg/registry/batch/job/strategy.go`). What makes their pods is in `controller/job.rs`.

use k8s_openapi::api::batch::v1::Job;
use serde_json::{Value, json};

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::defaults::default_pod_template;
use crate::object::Object;
use crate::patch::{JOB, PatchType};
use crate::validation::{validate_job, validate_job_update};

/// By what a Job finds its pods, unless it brings a selector of its own.
const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
const JOB_NAME: &str = "batch.kubernetes.io/job-name";

/// The strategy of Jobs.
pub(super) struct Jobs;

impl Strategy for Jobs {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<Job>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &JOB
    }

    fn default(&self, job: &mut Object) {
        if job.at("/spec/completions").is_none() && job.at("/spec/parallelism").is_none() {
            job.set("/spec/completions", 1);
        }
        for (pointer, value) in [
            ("/spec/parallelism", json!(1)),
            ("/spec/completionMode", json!("NonIndexed")),
            ("/spec/suspend", json!(false)),
            ("/spec/manualSelector", json!(false)),
        ] {
            job.set_default(pointer, value);
        }
        let per_index = job.at("/spec/backoffLimitPerIndex").is_some();
        job.set_default("/spec/backoffLimit", if per_index { i32::MAX } else { 6 });
        let by_policy = job.at("/spec/podFailurePolicy").is_some();
        job.set_default("/spec/podReplacementPolicy", if by_policy { "Failed" } else { "TerminatingOrFailed" });
        default_pod_template(job, "/spec/template");
    }

    fn prepare_create(&self, job: &mut Object) {
        job.set("/metadata/generation", 1);
        job.set("/status", json!({}));
        let unlabelled = job.labels().is_empty();
        if !job.flag("/spec/manualSelector") {
            select_own_pods(job);
        }
        if unlabelled && let Some(labels) = job.at("/spec/template/metadata/labels").cloned() {
            job.set("/metadata/labels", labels);
        }
    }

    fn validate(&self, job: &Object) -> Vec<FieldError> {
        validate_job(job)
    }

    fn prepare_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/status", old);
        if new.at("/spec") != old.at("/spec") {
            new.set("/metadata/generation", old.generation() + 1);
        }
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        validate_job_update(new, old)
    }

    fn orphans_dependents(&self) -> bool {
        true
    }
}

/// Labels the pods with the Job's UID, so that they are nobody else's, and selects them by it.
fn select_own_pods(job: &mut Object) {
    let (name, uid) = (job.name().to_owned(), job.uid().to_owned());
    for (label, value) in [("job-name", &name), (JOB_NAME, &name), ("controller-uid", &uid), (CONTROLLER_UID, &uid)] {
        let pointer = format!("/spec/template/metadata/labels/{}", crate::object::escape(label));
        job.set_default(&pointer, value.clone());
    }
    job.set_default(&format!("/spec/selector/matchLabels/{}", crate::object::escape(CONTROLLER_UID)), uid);
}
