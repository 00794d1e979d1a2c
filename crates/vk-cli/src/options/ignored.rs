//! Flags that are accepted for the sake of existing manifests: one warning each, which says why they steer nothing here.

use crate::error::{UsageError, Warning};
use crate::flags::IgnoredFlags;

const TRACES: &str = "this build does not export traces: nothing is sent";
const FAIRNESS: &str = "requests are not limited here: the API server's priority and fairness does that";
/// Tags that the Go project sets by itself.
const RESERVED_TAGS: [&str; 3] = ["operatingSystem", "provider", "nodeName"];

/// The warnings for what was given.
///
/// # Errors
/// A value that the Go project refuses as well.
pub(super) fn warnings(flags: &IgnoredFlags, klog: &[String]) -> Result<Vec<Warning>, UsageError> {
    check_trace_flags(flags)?;
    let mut warnings = Vec::new();
    let mut warn = |given: bool, setting: &str, message: &str| {
        if given {
            warnings.push(Warning::new(setting, message));
        }
    };
    warn(flags.namespace.is_some(), "--namespace", "a node is given pods of every namespace: all of them are watched");
    warn(flags.enable_node_lease.is_some(), "--enable-node-lease", "the node's heartbeat always is its lease");
    let resync = "pods are compared with the provider all the time; there is no period to set";
    warn(flags.full_resync_period.is_some(), "--full-resync-period", resync);
    warn(flags.kube_api_qps.is_some(), "--kube-api-qps", FAIRNESS);
    warn(flags.kube_api_burst.is_some(), "--kube-api-burst", FAIRNESS);
    warn(flags.trace_exporter.iter().any(|name| !name.is_empty()), "--trace-exporter", TRACES);
    warn(flags.trace_service_name.is_some(), "--trace-service-name", TRACES);
    warn(!flags.trace_tag.is_empty(), "--trace-tag", TRACES);
    warn(flags.trace_sample_rate.is_some(), "--trace-sample-rate", TRACES);
    warn(flags.trace_zpages_addr.is_some(), "--trace-zpages-addr", TRACES);
    if let Some(first) = klog.first() {
        let message = "this is no Go program, klog is not in it: use --log-level and --log-format";
        warnings.push(Warning::new(first.as_str(), message));
    }
    Ok(warnings)
}

fn check_trace_flags(flags: &IgnoredFlags) -> Result<(), UsageError> {
    for tag in &flags.trace_tag {
        let Some((key, _)) = tag.split_once('=') else {
            return Err(UsageError::new("--trace-tag", format!("{tag:?} is not of the form KEY=VALUE")));
        };
        if RESERVED_TAGS.contains(&key) {
            return Err(UsageError::new("--trace-tag", format!("{key:?} is set by the agent itself: use another key")));
        }
    }
    let rate = flags.trace_sample_rate.as_deref().unwrap_or("").to_ascii_lowercase();
    let is_percentage = rate.parse::<u8>().is_ok_and(|percent| percent <= 100);
    if rate.is_empty() || rate == "always" || rate == "never" || is_percentage {
        return Ok(());
    }
    Err(UsageError::new("--trace-sample-rate", format!("{rate:?} is not a rate: use always, never, or 0 to 100")))
}
