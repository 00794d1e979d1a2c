//! The summary of all runs.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Report;
use crate::burst::{Phase, Run};
use crate::statistics::Spread;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// One row of the table: what it is, decimals, how to read it off a run.
type Row = (&'static str, usize, fn(&Run) -> f64);

const ROWS: &[Row] = &[
    ("pods created per second", 0, |run| run.creation.pods_per_second),
    ("create → Running, p50 (ms)", 0, |run| run.creation.latency_ms.p50),
    ("create → Running, p90 (ms)", 0, |run| run.creation.latency_ms.p90),
    ("create → Running, p99 (ms)", 0, |run| run.creation.latency_ms.p99),
    ("create → Running, max (ms)", 0, |run| run.creation.latency_ms.max),
    ("last write after the last pod was Running (s)", 1, |run| run.creation.quiet_after),
    ("pods deleted per second", 0, |run| run.deletion.pods_per_second),
    ("delete → gone, p50 (ms)", 0, |run| run.deletion.latency_ms.p50),
    ("delete → gone, max (ms)", 0, |run| run.deletion.latency_ms.max),
    ("agent CPU per pod created, Events included (ms)", 2, |run| run.creation.agent_cpu_ms_per_pod),
    ("agent CPU per pod deleted, Events included (ms)", 2, |run| run.deletion.agent_cpu_ms_per_pod),
    ("agent CPU per minute, all pods Running and nothing to do (ms)", 0, |run| run.idle_cpu_ms_per_minute),
    ("RSS before (MiB)", 1, |run| mebibytes(run.memory_before.resident)),
    ("RSS with all pods Running (MiB)", 1, |run| mebibytes(run.memory_loaded.resident)),
    ("RSS at its peak (MiB)", 1, |run| mebibytes(run.memory_after.peak)),
    ("RSS after deletion (MiB)", 1, |run| mebibytes(run.memory_after.resident)),
    ("RssAnon before (MiB)", 1, |run| mebibytes(run.memory_before.anonymous)),
    ("RssAnon with all pods Running (MiB)", 1, |run| mebibytes(run.memory_loaded.anonymous)),
    ("RssAnon at its peak (MiB)", 1, |run| mebibytes(run.peak_anonymous)),
    ("RssAnon after deletion (MiB)", 1, |run| mebibytes(run.memory_after.anonymous)),
    ("threads", 0, |run| number(run.threads)),
    ("open files", 0, |run| number(run.open_files as u64)),
    ("watches of pods that the server cut", 0, |run| number(run.watches_cut)),
    ("warnings and errors in the agent's log", 0, |run| number(run.complaints.len() as u64)),
];

/// Markdown: what was measured on, the medians, the requests, and how busy the machine was in each run.
pub(super) fn markdown(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{}\n{}\n{}\n{}", heading(report), figures(report), requests(report), processor(report));
    text
}

fn heading(report: &Report) -> String {
    let machine = &report.machine;
    format!(
        "Burst of {} pods, {} creators, {} runs. {}, commit {}. {} × {}, {} GiB, Linux {}. Kubernetes {}: {}.\n",
        report.pods,
        report.creators,
        report.runs.len(),
        report.date.strftime("%Y-%m-%d"),
        report.commit,
        machine.processors,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        report.kubernetes,
        report.control_plane,
    )
}

fn figures(report: &Report) -> String {
    let mut text = "| | median | range |\n|---|---:|---:|\n".to_owned();
    let pods = report.pods;
    for (name, decimals, read) in ROWS {
        text.push_str(&row(name, *decimals, report.runs.iter().map(read)));
    }
    let writes = report.runs.iter().map(|run| run.writes_per_pod(pods, |request| request.is_pod_write));
    text.push_str(&row("writes of a pod over its life", 2, writes));
    let events = report.runs.iter().map(|run| run.writes_per_pod(pods, |request| request.is_event_write));
    text.push_str(&row("writes of Events over a pod's life", 2, events));
    text
}

fn row(name: &str, decimals: usize, values: impl Iterator<Item = f64>) -> String {
    let Spread { median, least, most } = Spread::of(values);
    format!("| {name} | {median:.decimals$} | {least:.decimals$} – {most:.decimals$} |\n")
}

fn requests(report: &Report) -> String {
    let kinds: BTreeSet<_> = report
        .runs
        .iter()
        .flat_map(|run| &run.requests)
        .map(|request| (&request.resource, &request.verb, &request.code))
        .collect();
    let mut text = "| agent's requests from the first create to the last deletion | median | range | the server counted, from anybody |\n\
                    |---|---:|---:|---:|\n"
        .to_owned();
    for (resource, verb, code) in kinds {
        let of = |run: &Run| {
            let found = run
                .requests
                .iter()
                .find(|request| (&request.resource, &request.verb, &request.code) == (resource, verb, code));
            found.map_or((0, 0), |request| (request.agent, request.server))
        };
        let agent = Spread::of(report.runs.iter().map(|run| number(of(run).0)));
        let server = Spread::of(report.runs.iter().map(|run| number(of(run).1)));
        text.push_str(&format!(
            "| {verb} {resource} → {code} | {:.0} | {:.0} – {:.0} | {:.0} |\n",
            agent.median, agent.least, agent.most, server.median
        ));
    }
    text
}

fn processor(report: &Report) -> String {
    let mut text = "| run | load average before | phase | agent CPU (s) | API server | etcd | driver | other processes | stolen by the host |\n\
                    |---:|---:|---|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for (index, run) in report.runs.iter().enumerate() {
        for (name, Phase { cpu, .. }) in [("creation", &run.creation), ("deletion", &run.deletion)] {
            text.push_str(&format!(
                "| {} | {:.1} | {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |\n",
                index + 1,
                run.load_average,
                cpu.agent,
                cpu.api_server,
                cpu.etcd,
                cpu.driver,
                cpu.others,
                cpu.stolen,
            ));
        }
    }
    text
}

fn mebibytes(bytes: u64) -> f64 {
    number(bytes) / MEBIBYTE
}

/// Far below the 2^53 that a float holds exactly.
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_median_and_the_range() {
        assert_eq!(row("x", 1, [2.0, 1.0, 4.0].into_iter()), "| x | 2.0 | 1.0 – 4.0 |\n");
    }
}
