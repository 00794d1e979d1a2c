//! Volumes and where containers mount them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{integer, list, no_way_back, present, relative_path, text};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::quantity::Quantity;
use crate::validation::name_is_dns_label;

const HOST_PATH_TYPES: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
const PROPAGATIONS: [&str; 3] = ["Bidirectional", "HostToContainer", "None"];
/// 0777.
const HIGHEST_MODE: i64 = 0o777;
const SHORTEST_TOKEN_SECONDS: i64 = 600;
/// What a file can tell of its pod, beside single labels and annotations.
const DOWNWARD_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// Checks the volumes; gives back their names.
pub(super) fn validate_volumes(pod: &Object, spec: &str, errors: &mut Vec<FieldError>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (index, volume) in pod.items("/spec/volumes").iter().enumerate() {
        let path = format!("{spec}.volumes[{index}]");
        let name = text(volume, "name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else if let Some(error) = name_is_dns_label(name) {
            errors.push(FieldError::invalid(format!("{path}.name"), name, &error));
        } else if !names.insert(name.to_owned()) {
            errors.push(FieldError::duplicate(format!("{path}.name"), name));
        }
        let sources: Vec<&String> =
            volume.as_object().into_iter().flat_map(|fields| fields.keys()).filter(|field| *field != "name").collect();
        if let [_, second, ..] = sources.as_slice() {
            let path = format!("{path}.{second}");
            errors.push(FieldError::forbidden(path, "may not specify more than 1 volume type"));
        }
        validate_source(volume, &path, errors);
    }
    names
}

fn validate_source(volume: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if let Some(limit) = volume.pointer("/emptyDir/sizeLimit").and_then(Value::as_str)
        && Quantity::parse(limit).is_none_or(Quantity::is_negative)
    {
        let detail = "SizeLimit field must be a valid resource quantity";
        errors.push(FieldError::forbidden(format!("{path}.emptyDir.sizeLimit"), detail));
    }
    if let Some(host_path) = volume.get("hostPath") {
        validate_host_path(host_path, &format!("{path}.hostPath"), errors);
    }
    for (source, name) in [("configMap", "name"), ("secret", "secretName"), ("persistentVolumeClaim", "claimName")] {
        let Some(reference) = volume.get(source) else { continue };
        let path = format!("{path}.{source}");
        if text(reference, name).is_empty() {
            errors.push(FieldError::required(format!("{path}.{name}"), ""));
        }
        validate_mode(reference, &path, errors);
        validate_key_paths(reference, &path, errors);
    }
    if let Some(downward) = volume.get("downwardAPI") {
        validate_downward(downward, &format!("{path}.downwardAPI"), errors);
    }
    if let Some(projected) = volume.get("projected") {
        validate_projected(projected, &format!("{path}.projected"), errors);
    }
}

fn validate_host_path(host_path: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if text(host_path, "path").is_empty() {
        errors.push(FieldError::required(format!("{path}.path"), ""));
    }
    no_way_back(text(host_path, "path"), &format!("{path}.path"), errors);
    let kind = text(host_path, "type");
    if !HOST_PATH_TYPES.contains(&kind) {
        errors.push(FieldError::not_supported(format!("{path}.type"), kind, &HOST_PATH_TYPES));
    }
}

fn validate_mode(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if let Some(mode) = integer(source, "defaultMode").filter(|mode| !(0..=HIGHEST_MODE).contains(mode)) {
        let detail = "must be a number between 0 and 0777 (octal), both inclusive";
        errors.push(FieldError::invalid(format!("{path}.defaultMode"), mode, detail));
    }
}

fn validate_key_paths(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, item) in list(source, "items").iter().enumerate() {
        let path = format!("{path}.items[{index}]");
        if text(item, "key").is_empty() {
            errors.push(FieldError::required(format!("{path}.key"), ""));
        }
        if text(item, "path").is_empty() {
            errors.push(FieldError::required(format!("{path}.path"), ""));
        }
        relative_path(text(item, "path"), &format!("{path}.path"), errors);
    }
}

fn validate_downward(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    validate_mode(source, path, errors);
    for item in list(source, "items") {
        if text(item, "path").is_empty() {
            errors.push(FieldError::required(format!("{path}.path"), ""));
        }
        relative_path(text(item, "path"), &format!("{path}.path"), errors);
        match present(item, &["fieldRef", "resourceFieldRef"]).as_slice() {
            [] => errors.push(FieldError::required(path, "one of fieldRef and resourceFieldRef is required")),
            ["fieldRef"] => {
                let field = item.pointer("/fieldRef/fieldPath").and_then(Value::as_str).unwrap_or_default();
                if !field.contains("['") && !DOWNWARD_FIELDS.contains(&field) {
                    let path = format!("{path}.fieldRef.fieldPath");
                    errors.push(FieldError::not_supported(path, field, &DOWNWARD_FIELDS));
                }
            }
            _ => {}
        }
    }
}

fn validate_projected(projected: &Value, path: &str, errors: &mut Vec<FieldError>) {
    validate_mode(projected, path, errors);
    for (index, source) in list(projected, "sources").iter().enumerate() {
        let path = format!("{path}.sources[{index}]");
        let found = present(source, &["configMap", "downwardAPI", "secret", "serviceAccountToken"]);
        if found.len() > 1 {
            errors.push(FieldError::forbidden(path.clone(), "may not specify more than 1 volume type per source"));
        }
        for kind in ["configMap", "secret"] {
            if let Some(reference) = source.get(kind) {
                validate_key_paths(reference, &format!("{path}.{kind}"), errors);
            }
        }
        if let Some(downward) = source.get("downwardAPI") {
            validate_downward(downward, &format!("{path}.downwardAPI"), errors);
        }
        let seconds = source.pointer("/serviceAccountToken/expirationSeconds").and_then(Value::as_i64);
        if let Some(seconds) = seconds.filter(|seconds| *seconds < SHORTEST_TOKEN_SECONDS) {
            let detail = "may not specify a duration less than 10 minutes";
            let path = format!("{path}.serviceAccountToken.expirationSeconds");
            errors.push(FieldError::invalid(path, seconds, detail));
        }
    }
}

pub(super) fn validate_mounts(container: &Value, path: &str, volumes: &BTreeSet<String>, errors: &mut Vec<FieldError>) {
    let mut places = BTreeSet::new();
    for (index, mount) in list(container, "volumeMounts").iter().enumerate() {
        let at = format!("{path}.volumeMounts[{index}]");
        if !volumes.contains(text(mount, "name")) {
            errors.push(FieldError::not_found(format!("{at}.name"), text(mount, "name")));
        }
        let place = text(mount, "mountPath");
        if place.is_empty() {
            errors.push(FieldError::required(format!("{at}.mountPath"), ""));
        } else if !places.insert(place) {
            errors.push(FieldError::invalid(format!("{at}.mountPath"), place, "must be unique"));
        }
        if !text(mount, "subPath").is_empty() && !text(mount, "subPathExpr").is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            errors.push(FieldError::invalid(format!("{at}.subPathExpr"), text(mount, "subPathExpr"), detail));
        }
        relative_path(text(mount, "subPath"), &format!("{path}.volumeMounts.subPath"), errors);
        validate_sharing(container, mount, &format!("{path}.volumeMounts"), errors);
    }
    for (index, device) in list(container, "volumeDevices").iter().enumerate() {
        let name = text(device, "name");
        if !volumes.contains(name) {
            errors.push(FieldError::not_found(format!("{path}.volumeDevices[{index}].name"), name));
        }
    }
}

/// Whether mounts below a mount are seen, and may be written.
fn validate_sharing(container: &Value, mount: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let privileged = container.pointer("/securityContext/privileged").and_then(Value::as_bool).unwrap_or_default();
    match text(mount, "mountPropagation") {
        "Bidirectional" if !privileged => {
            let detail = "Bidirectional mount propagation is available only to privileged containers";
            errors.push(FieldError::forbidden(format!("{path}.mountPropagation"), detail));
        }
        "" => {}
        known if PROPAGATIONS.contains(&known) => {}
        other => errors.push(FieldError::not_supported(format!("{path}.mountPropagation"), other, &PROPAGATIONS)),
    }
    let read_only = mount.get("readOnly").and_then(Value::as_bool).unwrap_or_default();
    if !matches!(text(mount, "recursiveReadOnly"), "" | "Disabled") && !read_only {
        let detail = "may only be specified when readOnly is true";
        errors.push(FieldError::forbidden(format!("{path}.recursiveReadOnly"), detail));
    }
}
