//! Go's logging library adds flags to every program; manifests use them, so they are taken out before parsing.

use std::ffi::OsString;

/// Flags that need no value, as klog v2 has them.
const BOOLEAN: [&str; 7] = [
    "add_dir_header",
    "alsologtostderr",
    "legacy_stderr_threshold_behavior",
    "logtostderr",
    "one_output",
    "skip_headers",
    "skip_log_headers",
];
/// Flags with a value.
const VALUED: [&str; 7] =
    ["log_backtrace_at", "log_dir", "log_file", "log_file_max_size", "stderrthreshold", "v", "vmodule"];

/// Takes `--klog.*` out of the arguments. Returns the others, and the flags that were taken out.
pub(crate) fn take_out(arguments: impl IntoIterator<Item = OsString>) -> (Vec<OsString>, Vec<String>) {
    let mut others = Vec::new();
    let mut taken = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let Some(flag) = argument.to_str().and_then(|text| text.strip_prefix("--klog.")) else {
            let is_end_of_flags = argument == "--";
            others.push(argument);
            if is_end_of_flags {
                others.extend(arguments);
                break;
            }
            continue;
        };
        let (name, has_value) = flag.split_once('=').map_or((flag, false), |(name, _)| (name, true));
        if VALUED.contains(&name) && !has_value {
            arguments.next();
        } else if !VALUED.contains(&name) && !BOOLEAN.contains(&name) {
            others.push(argument);
            continue;
        }
        taken.push(format!("--klog.{name}"));
    }
    (others, taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_out(line: &str) -> (Vec<String>, Vec<String>) {
        let (others, taken) = take_out(line.split(' ').map(OsString::from));
        (others.into_iter().map(|argument| argument.into_string().unwrap()).collect(), taken)
    }

    #[test]
    fn the_go_projects_own_manifest_is_understood() {
        let (others, taken) = taken_out("vk --klog.v 2 --klog.logtostderr --log-level debug --klog.v=4");
        assert_eq!(others, ["vk", "--log-level", "debug"]);
        assert_eq!(taken, ["--klog.v", "--klog.logtostderr", "--klog.v"]);
    }

    #[test]
    fn what_klog_does_not_know_is_left_for_the_parser_to_refuse() {
        assert_eq!(taken_out("vk --klog.x 2"), (vec!["vk".into(), "--klog.x".into(), "2".into()], vec![]));
        assert_eq!(taken_out("vk -- --klog.v"), (vec!["vk".into(), "--".into(), "--klog.v".into()], vec![]));
    }
}
