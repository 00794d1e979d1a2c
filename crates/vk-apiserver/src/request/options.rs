//! Options in the query: which values they may have (`apimachinery/pkg/apis/meta/*/validation`).

use super::{ContentType, Query};
use crate::api_error::{ApiError, FieldError};

const MAX_FIELD_MANAGER: usize = 128;
const VALIDATIONS: [&str; 4] = ["", "Ignore", "Strict", "Warn"];

/// What the options of a write belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOptions<'request> {
    Create,
    Update,
    Patch(&'request ContentType),
}

impl WriteOptions<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Create => "CreateOptions",
            Self::Update => "UpdateOptions",
            Self::Patch(_) => "PatchOptions",
        }
    }

    /// Refuses values that do not exist.
    pub(crate) fn check(self, query: &Query) -> Result<(), ApiError> {
        let mut errors = Vec::new();
        if matches!(self, Self::Patch(content) if *content != ContentType::Apply) && query.get("force").is_some() {
            errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
        }
        errors.extend(field_manager(query.text("fieldManager")));
        errors.extend(dry_run(&query.all("dryRun")));
        let validation = query.text("fieldValidation");
        if !VALIDATIONS.contains(&validation) {
            errors.push(FieldError::not_supported("fieldValidation", validation, &VALIDATIONS));
        }
        refuse(self.kind(), &errors)
    }
}

/// Refuses options of a list that contradict each other.
pub(crate) fn check_list_options(query: &Query) -> Result<(), ApiError> {
    numbers(query)?;
    let mut errors = Vec::new();
    let rule = query.text("resourceVersionMatch");
    let version = query.text("resourceVersion");
    if !rule.is_empty() {
        let forbid = |detail: &str| FieldError::forbidden("resourceVersionMatch", detail);
        if version.is_empty() {
            errors.push(forbid("resourceVersionMatch is forbidden unless resourceVersion is provided"));
        }
        if !query.text("continue").is_empty() {
            errors.push(forbid("resourceVersionMatch is forbidden when continue is provided"));
        }
        if !matches!(rule, "Exact" | "NotOlderThan") {
            errors.push(FieldError::not_supported("resourceVersionMatch", rule, &["Exact", "NotOlderThan", ""]));
        }
        if rule == "Exact" && version == "0" {
            errors.push(forbid(r#"resourceVersionMatch "exact" is forbidden for resourceVersion "0""#));
        }
    }
    if query.get("sendInitialEvents").is_some() {
        errors.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    refuse("ListOptions", &errors)
}

/// Refuses options of a watch that contradict each other.
pub(crate) fn check_watch_options(query: &Query) -> Result<(), ApiError> {
    numbers(query)?;
    let mut errors = Vec::new();
    let forbid = |detail: &str| FieldError::forbidden("resourceVersionMatch", detail);
    let rule = query.text("resourceVersionMatch");
    let streaming_list = query.get("sendInitialEvents").is_some();
    if streaming_list && rule != "NotOlderThan" {
        errors.push(forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    }
    // Where nothing is said of the initial events, they are sent.
    let from_the_start = rule.is_empty() && !streaming_list && matches!(query.text("resourceVersion"), "" | "0");
    if from_the_start && !query.text("continue").is_empty() {
        errors.push(forbid("resourceVersionMatch is forbidden when continue is provided"));
    }
    if !rule.is_empty() {
        if !streaming_list {
            errors.push(forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
        }
        if rule != "NotOlderThan" {
            errors.push(FieldError::not_supported("resourceVersionMatch", rule, &["NotOlderThan"]));
        }
        if !query.text("continue").is_empty() {
            errors.push(forbid("resourceVersionMatch is forbidden when continue is provided"));
        }
    }
    refuse("ListOptions", &errors)
}

/// Whether every `dryRun` is one that exists.
pub(super) fn dry_run(values: &[&str]) -> Option<FieldError> {
    values.iter().any(|value| *value != "All").then(|| {
        let given: serde_json::Value = values.iter().map(|value| serde_json::Value::from(*value)).collect();
        FieldError::unsupported("dryRun", &given, &["All"])
    })
}

fn numbers(query: &Query) -> Result<(), ApiError> {
    query.number("limit").and(query.number("timeoutSeconds")).map(drop)
}

fn field_manager(manager: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if manager.len() > MAX_FIELD_MANAGER {
        errors.push(FieldError::too_long("fieldManager", MAX_FIELD_MANAGER));
    }
    for (position, character) in manager.char_indices().filter(|(_, character)| character.is_control()) {
        let code = u32::from(character);
        let detail = format!("invalid character U+{code:04X} (at position {position})");
        errors.push(FieldError::invalid("fieldManager", manager, &detail));
    }
    errors
}

fn refuse(kind: &'static str, errors: &[FieldError]) -> Result<(), ApiError> {
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid("meta.k8s.io", kind, "", errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_do_not_exist_are_named() {
        let refusal = |query: &str| WriteOptions::Create.check(&Query::read(query)).map_err(|error| error.message);
        assert_eq!(refusal("dryRun=All&fieldManager=me&fieldValidation=Warn"), Ok(()));
        assert_eq!(
            refusal("dryRun=Some"),
            Err(r#"CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All""#.into())
        );
        let long = format!("fieldManager={}", "m".repeat(129));
        assert!(refusal(&long).is_err_and(|message| message.ends_with("may not be more than 128 bytes")));
    }

    #[test]
    fn a_list_may_not_be_exact_about_nothing() {
        let codes = |query: &str| check_list_options(&Query::read(query)).map_err(|error| error.code.as_u16());
        assert_eq!(codes("resourceVersion=7&resourceVersionMatch=Exact&limit=5"), Ok(()));
        assert_eq!(codes("resourceVersion=0&resourceVersionMatch=Exact"), Err(422));
        assert_eq!(codes("limit=many"), Err(400));
    }
}
