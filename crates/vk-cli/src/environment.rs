//! The environment variables that mean something, read once.
//!
//! They are looked up here and not by the flag parser, because the Go project gives some of them precedence over flags and
//! takes an empty value of others for none.

use std::collections::BTreeMap;

use crate::error::UsageError;

/// A variable and what it is for.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
}

const fn variable(name: &'static str, purpose: &'static str) -> Variable {
    Variable { name, purpose }
}

/// Every variable that is read. Those of the Go project keep their names, odd ones included.
pub(crate) const VARIABLES: [Variable; 15] = [
    variable("KUBECONFIG", "kubeconfig files, joined by ':', unless --kubeconfig is given"),
    variable("MASTER_URI", "address of the API server, in place of the kubeconfig's"),
    variable("DEFAULT_NODE_NAME", "the node's name, unless --nodename is given"),
    variable("DEFAULTNODE_NAME", "the same, as node-cli spells it"),
    variable("VKUBELET_POD_IP", "the node's internal IP, unless --node-ip is given"),
    variable("VKUBELET_TAINT_KEY", "key of the node's taint; wins over --taint"),
    variable("VKUBELET_TAINT_VALUE", "value of the node's taint (default: the provider's name)"),
    variable("VKUBELET_TAINT_EFFECT", "effect of the node's taint (default: NoSchedule)"),
    variable("KUBELET_PORT", "port of the kubelet API (default: 10250)"),
    variable(
        "APISERVER_CERT_LOCATION",
        "serving certificate of the kubelet API, unless --tls-cert-file is given (PEM file)",
    ),
    variable("APISERVER_KEY_LOCATION", "its key, unless --tls-private-key-file is given (PEM file)"),
    variable("APISERVER_CA_CERT_LOCATION", "client CA, unless --client-verify-ca is given (PEM file)"),
    variable("KUBERNETES_SERVICE_HOST", "set in a pod: where the API server is, if there is no kubeconfig"),
    variable("KUBERNETES_SERVICE_PORT", "set in a pod"),
    variable("HOME", "where .kube/config is looked for"),
];

/// The values of the variables that the agent knows.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// What this process was given.
    ///
    /// # Errors
    /// If one of the variables is not UTF-8.
    pub fn of_this_process() -> Result<Self, UsageError> {
        let mut values = BTreeMap::new();
        for Variable { name, .. } in &VARIABLES {
            let Some(value) = std::env::var_os(name) else { continue };
            let value = value
                .into_string()
                .map_err(|_| UsageError::new(*name, "its value is not UTF-8: set it to plain text or unset it"))?;
            values.insert((*name).to_owned(), value);
        }
        Ok(Self(values))
    }

    /// These values, in place of the process's own.
    pub fn new(values: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The value, even if it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value, unless it is empty.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// The end of `--help`.
pub(crate) fn help() -> String {
    let width = VARIABLES.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
    let mut text = "Environment:\n".to_owned();
    for Variable { name, purpose } in &VARIABLES {
        text.push_str(&format!("  {name:width$}  {purpose}\n"));
    }
    text
}
