//! Where a pod goes and what it is called there: selectors, tolerations, names and DNS.

use std::net::IpAddr;

use serde_json::Value;

use super::{integer, list, text};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::validation::{
    label_key_errors, label_value_error, name_is_dns_label, name_is_dns_subdomain, qualified_name_error,
};

const NO_ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const MOST_NAMESERVERS: usize = 3;

pub(super) fn validate_placement(pod: &Object, spec: &str, errors: &mut Vec<FieldError>) {
    for (key, value) in pod.strings("/spec/nodeSelector") {
        let wrong = label_key_errors(key).into_iter().map(|error| (key, error));
        for (shown, error) in wrong.chain(label_value_error(value).map(|error| (value, error))) {
            errors.push(FieldError::invalid(format!("{spec}.nodeSelector"), shown, &error));
        }
    }
    for (index, toleration) in pod.items("/spec/tolerations").iter().enumerate() {
        validate_toleration(toleration, &format!("{spec}.tolerations[{index}]"), errors);
    }
    validate_spreading(pod, spec, errors);
    validate_names(pod, spec, errors);
    validate_dns(pod, spec, errors);
}

fn validate_toleration(toleration: &Value, path: &str, errors: &mut Vec<FieldError>) {
    const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let [key, operator, value, effect] = ["key", "operator", "value", "effect"].map(|field| text(toleration, field));
    if let Some(error) = qualified_name_error(key).filter(|_| !key.is_empty()) {
        errors.push(FieldError::invalid(format!("{path}.key"), key, &error));
    }
    if key.is_empty() && operator != "Exists" {
        let detail = r#"operator must be Exists when `key` is empty, which means "match all values and all keys""#;
        errors.push(FieldError::invalid(format!("{path}.operator"), operator, detail));
    }
    if integer(toleration, "tolerationSeconds").is_some() && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.push(FieldError::invalid(format!("{path}.effect"), effect, detail));
    }
    match operator {
        "" | "Equal" => {}
        "Exists" if value.is_empty() => {}
        "Exists" => {
            let detail = "value must be empty when `operator` is 'Exists'";
            errors.push(FieldError::invalid(format!("{path}.operator"), value, detail));
        }
        other => errors.push(FieldError::not_supported(format!("{path}.operator"), other, &["Equal", "Exists"])),
    }
    if !effect.is_empty() && !EFFECTS.contains(&effect) {
        errors.push(FieldError::not_supported(format!("{path}.effect"), effect, &EFFECTS));
    }
}

fn validate_spreading(pod: &Object, spec: &str, errors: &mut Vec<FieldError>) {
    let required = "nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    if pod.at(&format!("/spec/affinity/{required}")).is_some()
        && pod.items(&format!("/spec/affinity/{required}/nodeSelectorTerms")).is_empty()
    {
        let path = format!("{spec}.affinity.{}.nodeSelectorTerms", required.replace('/', "."));
        errors.push(FieldError::required(path, "must have at least one node selector term"));
    }
    for (index, constraint) in pod.items("/spec/topologySpreadConstraints").iter().enumerate() {
        let skew = integer(constraint, "maxSkew").unwrap_or_default();
        if skew <= 0 {
            let path = format!("{spec}.topologySpreadConstraints[{index}].maxSkew");
            errors.push(FieldError::invalid(path, skew, "must be greater than zero"));
        }
    }
    for (index, gate) in pod.items("/spec/readinessGates").iter().enumerate() {
        let condition = text(gate, "conditionType");
        if let Some(error) = qualified_name_error(condition) {
            let path = format!("{spec}.readinessGates[{index}].conditionType");
            errors.push(FieldError::invalid(path, condition, &error));
        }
    }
}

fn validate_names(pod: &Object, spec: &str, errors: &mut Vec<FieldError>) {
    for field in ["hostname", "subdomain"] {
        let name = pod.text(&format!("/spec/{field}"));
        if let Some(error) = name_is_dns_label(name).filter(|_| !name.is_empty()) {
            errors.push(FieldError::invalid(format!("{spec}.{field}"), name, &error));
        }
    }
    for (index, alias) in pod.items("/spec/hostAliases").iter().enumerate() {
        let path = format!("{spec}.hostAliases[{index}]");
        if text(alias, "ip").parse::<IpAddr>().is_err() {
            errors.push(FieldError::invalid(format!("{path}.ip"), text(alias, "ip"), NO_ADDRESS));
        }
        for (index, name) in list(alias, "hostnames").iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            if let Some(error) = name_is_dns_subdomain(name) {
                errors.push(FieldError::invalid(format!("{path}.hostnames[{index}]"), name, &error));
            }
        }
    }
}

fn validate_dns(pod: &Object, spec: &str, errors: &mut Vec<FieldError>) {
    let servers = pod.items("/spec/dnsConfig/nameservers");
    if pod.text("/spec/dnsPolicy") == "None" {
        if pod.at("/spec/dnsConfig").is_none() {
            let detail = "must provide `dnsConfig` when `dnsPolicy` is None";
            errors.push(FieldError::required(format!("{spec}.dnsConfig"), detail));
        } else if servers.is_empty() {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.push(FieldError::required(format!("{spec}.dnsConfig.nameservers"), detail));
        }
    }
    let path = format!("{spec}.dnsConfig.nameservers");
    if servers.len() > MOST_NAMESERVERS {
        errors.push(FieldError::invalid(path.clone(), servers.to_vec(), "must not have more than 3 nameservers"));
    }
    for (index, server) in servers.iter().enumerate() {
        if server.as_str().unwrap_or_default().parse::<IpAddr>().is_err() {
            errors.push(FieldError::invalid(format!("{path}[{index}]"), server.clone(), NO_ADDRESS));
        }
    }
}
