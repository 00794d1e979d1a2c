//! Jobs.

use jiff::Timestamp;
use serde_json::Value;

use super::age::{age, human};
use super::{Column, Printer, condition_holds, or_none, text};
use crate::clock::parse_rfc3339;
use crate::object::Object;

pub(crate) static JOBS: Printer = Printer::new(
    &[
        Column::name(),
        Column::new("Status", "How far the job is."),
        Column::new("Completions", "How many pods have succeeded, of how many."),
        Column::new("Duration", "How long it has run."),
        Column::age(),
        Column::wide("Containers", "The names of the template's containers."),
        Column::wide("Images", "The images of the template's containers."),
        Column::wide("Selector", "Which pods belong to the job."),
    ],
    cells,
);

fn cells(job: &Object, now: Timestamp) -> Vec<Value> {
    vec![
        job.name().into(),
        status(job).into(),
        completions(job).into(),
        duration(job, now).into(),
        age(job, now).into(),
        of_containers(job, "/name").into(),
        of_containers(job, "/image").into(),
        or_none(&selector(job)).into(),
    ]
}

fn status(job: &Object) -> &'static str {
    let holds = |kind| condition_holds(job, kind);
    if holds("Complete") {
        "Complete"
    } else if holds("Failed") {
        "Failed"
    } else if job.deletion_timestamp().is_some() {
        "Terminating"
    } else {
        let under_way = ["Suspended", "FailureTarget", "SuccessCriteriaMet"];
        under_way.into_iter().find(|kind| holds(kind)).unwrap_or("Running")
    }
}

fn completions(job: &Object) -> String {
    let succeeded = job.integer("/status/succeeded").unwrap_or_default();
    match (job.integer("/spec/completions"), job.integer("/spec/parallelism")) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, Some(parallelism @ 2..)) => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn duration(job: &Object, now: Timestamp) -> String {
    let Some(start) = parse_rfc3339(job.text("/status/startTime")) else { return String::new() };
    let end = parse_rfc3339(job.text("/status/completionTime")).unwrap_or(now);
    human(end.duration_since(start))
}

fn of_containers(job: &Object, field: &str) -> String {
    let containers = job.items("/spec/template/spec/containers");
    containers.iter().map(|container| text(container, field)).collect::<Vec<&str>>().join(",")
}

/// A `metav1.LabelSelector` in the form of a query, ordered by key.
fn selector(job: &Object) -> String {
    let labels = job.strings("/spec/selector/matchLabels");
    let mut requirements: Vec<(&str, String)> =
        labels.into_iter().map(|(key, value)| (key, format!("{key}={value}"))).collect();
    for expression in job.items("/spec/selector/matchExpressions") {
        let key = text(expression, "/key");
        let mut values: Vec<&str> = expression
            .get("values")
            .and_then(Value::as_array)
            .map(|values| values.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        values.sort_unstable();
        let values = values.join(",");
        let requirement = match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        };
        requirements.push((key, requirement));
    }
    requirements.sort_by_key(|(key, _)| *key);
    requirements.into_iter().map(|(_, requirement)| requirement).collect::<Vec<String>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(value: Value) -> Object {
        Object::from_value(value).unwrap()
    }

    #[test]
    fn what_ended_the_job_is_told_before_its_deletion() {
        let deleted = json!({"deletionTimestamp": "2026-11-22T14:00:00Z"});
        let with = |kind: &str, status: &str, metadata: Value| {
            status_of(&json!({"metadata": metadata, "status": {"conditions": [{"type": kind, "status": status}]}}))
        };
        fn status_of(value: &Value) -> &'static str {
            status(&job(value.clone()))
        }
        assert_eq!(with("Complete", "True", deleted.clone()), "Complete");
        assert_eq!(with("Suspended", "True", deleted), "Terminating");
        assert_eq!(with("Suspended", "True", json!({})), "Suspended");
        assert_eq!(with("Failed", "False", json!({})), "Running");
    }

    #[test]
    fn a_job_without_completions_is_done_by_one() {
        assert_eq!(completions(&job(json!({"spec": {"completions": 3}, "status": {"succeeded": 1}}))), "1/3");
        assert_eq!(completions(&job(json!({"spec": {"parallelism": 2}}))), "0/1 of 2");
        assert_eq!(completions(&job(json!({"spec": {"parallelism": 1}}))), "0/1");
    }

    #[test]
    fn selectors_are_ordered_by_key() {
        let selecting = job(json!({"spec": {"selector": {
            "matchLabels": {"b": "1"},
            "matchExpressions": [
                {"key": "c", "operator": "Exists"}, {"key": "a", "operator": "NotIn", "values": ["y", "x"]},
                {"key": "d", "operator": "DoesNotExist"},
            ]
        }}}));
        assert_eq!(selector(&selecting), "a notin (x,y),b=1,c,!d");
    }
}
