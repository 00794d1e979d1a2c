//! Kubeconfig files that hold all they need, so that one can be copied anywhere.

use std::fs;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::files::write_whole;
use crate::layout::Layout;

/// How the user of a kubeconfig proves who it is.
pub(crate) enum Credential<'a> {
    Certificate { certificate: &'a str, key: &'a str },
    Token(&'a str),
}

/// Writes a kubeconfig with one cluster, one user and one context.
pub(crate) fn write_kubeconfig(layout: &Layout, name: &str, credential: &Credential<'_>) -> Result<()> {
    let authority = layout.pki_directory().join("ca.crt");
    let authority = fs::read(&authority).with_context(|| format!("cannot read {}", authority.display()))?;
    let user = match credential {
        Credential::Certificate { certificate, key } => json!({
            "client-certificate-data": BASE64_STANDARD.encode(certificate),
            "client-key-data": BASE64_STANDARD.encode(key),
        }),
        Credential::Token(token) => json!({ "token": token }),
    };
    // JSON is YAML.
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "test",
            "cluster": {
                "server": layout.api_server_url(),
                "certificate-authority-data": BASE64_STANDARD.encode(authority),
            },
        }],
        "users": [{ "name": name, "user": user }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": name } }],
        "current-context": "test",
    });
    write_whole(&layout.kubeconfig_path(name), &serde_json::to_vec_pretty(&config)?)
}
