use super::*;
use crate::resource::REGISTRY;

fn parsed(path: &[&str]) -> Value {
    serde_json::from_slice(&find(path).unwrap()).unwrap()
}

/// Every reference in a document.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_index_names_every_document_with_its_hash() {
    let index = parsed(&["v3"]);
    let paths: Vec<&String> = index["paths"].as_object().unwrap().keys().collect();
    assert!(paths.contains(&&"api/v1".to_owned()) && paths.contains(&&"apis/batch/v1".to_owned()), "{paths:?}");
    let url = index["paths"]["api/v1"]["serverRelativeURL"].as_str().unwrap();
    assert!(url.starts_with("/openapi/v3/api/v1?hash="), "{url}");
    assert!(find(&["v3", "apis", "apps", "v1"]).is_none());
}

#[test]
fn every_reference_leads_somewhere() {
    let documents = DOCUMENTS.keys().map(|path| {
        let segments: Vec<&str> = std::iter::once("v3").chain(path.split('/')).collect();
        parsed(&segments)
    });
    for document in documents.chain([parsed(&["v2"])]) {
        let found = references(&document);
        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}

/// kubectl leaves the check of fields to servers that say here that they can do it.
#[test]
fn every_resource_can_be_patched_with_its_fields_checked() {
    for resource in &REGISTRY {
        let base = base(resource.group, resource.version);
        let segments: Vec<&str> = std::iter::once("v3").chain(base.trim_start_matches('/').split('/')).collect();
        let document = parsed(&segments);
        let place = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
        let patch = &document["paths"][format!("{base}{place}/{}/{{name}}", resource.plural)]["patch"];
        assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], resource.kind, "{resource:?}");
        let parameters = patch["parameters"].as_array().unwrap();
        for name in ["fieldValidation", "dryRun"] {
            assert!(parameters.iter().any(|parameter| parameter["name"] == name), "{resource:?} {name}");
        }
        let described = document["components"]["schemas"].as_object().unwrap().values().any(|schema| {
            schema["x-kubernetes-group-version-kind"][0]
                == json!({"group": resource.group, "version": resource.version, "kind": resource.kind})
        });
        assert!(described, "{resource:?}");
    }
}

#[test]
fn descriptions_stand_beside_references() {
    let document = parsed(&["v3", "api", "v1"]);
    let spec = &document["components"]["schemas"]["io.k8s.api.core.v1.Pod"]["properties"]["spec"];
    assert_eq!(spec["allOf"][0]["$ref"], "#/components/schemas/io.k8s.api.core.v1.PodSpec");
    assert!(spec["description"].is_string());
}

#[test]
fn only_json_is_written() {
    assert!(accepts_json("") && accepts_json("application/json;q=0.9") && accepts_json("text/html, */*"));
    assert!(!accepts_json("application/com.github.proto-openapi.spec.v2@v1.0+protobuf"));
}
