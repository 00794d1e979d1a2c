//! Volumes of pods.

use serde_json::{Map, Value};

use super::containers::{objects, set_default};

/// The mode 0644.
const DEFAULT_MODE: i32 = 420;

/// Fills in what a volume leaves out.
pub(super) fn default_volume(volume: &mut Map<String, Value>) {
    if volume.keys().all(|field| field == "name") {
        volume.insert("emptyDir".into(), Value::Object(Map::new()));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(Value::Object(source)) = volume.get_mut(source) {
            set_default(source, "defaultMode", DEFAULT_MODE.into());
        }
    }
    if let Some(Value::Object(host_path)) = volume.get_mut("hostPath") {
        set_default(host_path, "type", "".into());
    }
    if let Some(Value::Object(downward)) = volume.get_mut("downwardAPI") {
        default_downward_items(downward);
    }
    if let Some(Value::Object(projected)) = volume.get_mut("projected") {
        for source in objects(projected, "sources") {
            if let Some(Value::Object(token)) = source.get_mut("serviceAccountToken") {
                set_default(token, "expirationSeconds", 3600.into());
            }
            if let Some(Value::Object(downward)) = source.get_mut("downwardAPI") {
                default_downward_items(downward);
            }
        }
    }
}

fn default_downward_items(downward: &mut Map<String, Value>) {
    for item in objects(downward, "items") {
        if let Some(Value::Object(field)) = item.get_mut("fieldRef") {
            set_default(field, "apiVersion", "v1".into());
        }
        if let Some(Value::Object(reference)) = item.get_mut("resourceFieldRef") {
            set_default(reference, "divisor", "0".into());
        }
    }
}
