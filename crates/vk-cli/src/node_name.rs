//! The node's name.

use crate::environment::Environment;
use crate::error::UsageError;

const DEFAULT: &str = "virtual-kubelet";

/// The name by flag, environment or default, checked as the API server would.
pub(crate) fn node_name(flag: Option<&str>, environment: &Environment) -> Result<String, UsageError> {
    let candidates = [
        ("--nodename", flag),
        ("DEFAULT_NODE_NAME", environment.get("DEFAULT_NODE_NAME")),
        ("DEFAULTNODE_NAME", environment.get("DEFAULTNODE_NAME")),
    ];
    let given =
        candidates.into_iter().find_map(|(setting, name)| Some((setting, name.filter(|name| !name.is_empty())?)));
    let (setting, name) = given.unwrap_or(("--nodename", DEFAULT));
    match vk_core::node::NodeName::parse(name) {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(error) => Err(UsageError::new(setting, error.to_string())),
    }
}
