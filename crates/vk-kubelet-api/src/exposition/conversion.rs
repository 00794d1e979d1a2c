//! From OpenMetrics to Prometheus' text format: the names of families are those of their samples there, there are no units
//! and there is no end mark.

/// Only what the agent's own metrics consist of: counters, gauges, histograms and infos, without exemplars.
pub(super) fn to_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    // OpenMetrics may describe a family before it says what kind it is, and a counter is named by its samples here.
    let kinds: Vec<(&str, &str)> =
        open_metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let kind_of = |name: &str| kinds.iter().find(|(known, _)| *known == name).map_or("unknown", |(_, kind)| kind);
    for line in open_metrics.lines() {
        let (prefix, rest) = match line.get(..7) {
            Some(prefix @ ("# HELP " | "# TYPE ")) => (prefix, line.get(7..).unwrap_or_default()),
            _ if line.starts_with('#') => continue,
            _ => {
                text.push_str(line);
                text.push('\n');
                continue;
            }
        };
        let (name, told) = rest.split_once(' ').unwrap_or((rest, ""));
        let (suffix, kind) = match kind_of(name) {
            "counter" => ("_total", "counter"),
            "info" => ("_info", "gauge"),
            "unknown" => ("", "untyped"),
            other => ("", other),
        };
        let told = if prefix == "# TYPE " { kind } else { told };
        text.extend([prefix, name, suffix, " ", told, "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_named_by_their_samples() {
        let open_metrics = "# HELP calls Calls so far.\n# TYPE calls counter\ncalls_total{call=\"a # b\"} 3\n\
                            # HELP call_seconds Time.\n# TYPE call_seconds histogram\n# UNIT call_seconds seconds\n\
                            call_seconds_bucket{le=\"1.0\"} 2\ncall_seconds_count 2\ncall_seconds_sum 0.5\n\
                            # HELP build About.\n# TYPE build info\nbuild_info{version=\"1\"} 1\n\
                            # HELP up Whether.\n# TYPE up gauge\nup 1\n# EOF\n";
        let text = "# HELP calls_total Calls so far.\n# TYPE calls_total counter\ncalls_total{call=\"a # b\"} 3\n\
                    # HELP call_seconds Time.\n# TYPE call_seconds histogram\n\
                    call_seconds_bucket{le=\"1.0\"} 2\ncall_seconds_count 2\ncall_seconds_sum 0.5\n\
                    # HELP build_info About.\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n\
                    # HELP up Whether.\n# TYPE up gauge\nup 1\n";
        assert_eq!(to_text(open_metrics), text);
        assert_eq!(to_text("# EOF\n"), "");
    }
}
