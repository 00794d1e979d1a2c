//! The settings as fields of a `KubeletConfiguration`, for `/configz`.

use serde_json::{Map, Value, json};

use super::Settings;

/// Only what is true of us; the port is known once the server listens.
pub(crate) fn of(settings: &Settings) -> Map<String, Value> {
    let Settings { bind, serving, clients, limits } = settings;
    let idle = format!("{}s", limits.stream_idle_timeout.as_secs());
    let x509 = match &clients.ca {
        Some(ca) => json!({ "clientCAFile": ca.display().to_string() }),
        None => json!({}),
    };
    let own = json!({
        "enableServer": true,
        "address": bind.ip().to_string(),
        "tlsCertFile": serving.certificate.display().to_string(),
        "tlsPrivateKeyFile": serving.key.display().to_string(),
        "tlsMinVersion": "VersionTLS12",
        "authentication": {
            "x509": x509,
            "webhook": { "enabled": clients.tokens },
            "anonymous": { "enabled": clients.anonymous },
        },
        "authorization": { "mode": "Webhook" },
        "enableDebuggingHandlers": true,
        "enableProfilingHandler": false,
        "enableSystemLogHandler": false,
        "streamingConnectionIdleTimeout": idle,
    });
    match own {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
