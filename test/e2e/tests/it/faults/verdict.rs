//! What is said of each pod at the end.

use crate::stage::PodView;

use super::ledger::Ledger;

/// How the lines that a pod's containers have written go with the restarts that the API tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A line for each run: the pod is there, and all is told.
    OneForEachRun,
    /// No more than a line for each run: a run may end before its first line is written. So it is with pods that were
    /// deleted in order, whose last status tells all.
    AtMostOneForEachRun,
    /// The pod was deleted by force: nobody told of a last restart.
    OneMoreMayBeUntold,
}

/// A line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// What it was meant to do, and what became of it.
    pub(crate) story: String,
    phase: String,
    /// Of each container: restarts that the API tells of, and starts that it wrote down itself.
    runs: Vec<(String, u64, u64)>,
    /// What is wrong.
    pub(crate) complaints: Vec<String>,
}

impl Row {
    /// Judges a pod, as it was last seen in the API, by what its containers wrote.
    pub(crate) fn judge(pod: &PodView, story: String, rule: Rule, ledger: &Ledger) -> Self {
        let runs: Vec<(String, u64, u64)> = pod
            .container_names()
            .into_iter()
            .map(|name| {
                let starts = ledger.entries(&pod.uid(), &name).starts;
                let restarts = pod.restarts(&name);
                (name, restarts, starts)
            })
            .collect();
        let complaints = runs
            .iter()
            .filter_map(|(name, restarts, starts)| {
                let fits = rule.permits(*restarts, *starts, pod.restart_policy());
                (!fits).then(|| format!("{name}: {starts} starts, {restarts} restarts"))
            })
            .collect();
        Self { name: pod.name(), uid: pod.uid(), story, phase: pod.phase().to_owned(), runs, complaints }
    }

    fn cells(&self) -> [String; 7] {
        let each = |what: fn(&(String, u64, u64)) -> u64| {
            self.runs.iter().map(|run| what(run).to_string()).collect::<Vec<_>>().join("+")
        };
        let verdict = if self.complaints.is_empty() {
            "pass".to_owned()
        } else {
            format!("FAIL: {}", self.complaints.join("; "))
        };
        [
            self.name.clone(),
            self.uid.chars().take(8).collect(),
            self.story.clone(),
            self.phase.clone(),
            each(|run| run.1),
            each(|run| run.2),
            verdict,
        ]
    }
}

impl Rule {
    fn permits(self, restarts: u64, starts: u64, policy: &str) -> bool {
        // Whatever else: a pod that must not run again has not.
        if policy == "Never" && starts > 1 {
            return false;
        }
        match self {
            Self::OneForEachRun => starts == restarts + 1,
            Self::AtMostOneForEachRun => starts <= restarts + 1,
            Self::OneMoreMayBeUntold => starts <= restarts + 2,
        }
    }
}

/// The table of all pods, as Markdown.
pub(super) fn table(rows: &[Row]) -> String {
    let heads = ["pod", "uid", "what it did", "phase", "restarts", "starts", "verdict"];
    let mut table = format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    for row in rows {
        table.push_str(&format!("| {} |\n", row.cells().join(" | ")));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_too_many_is_never_permitted() {
        for (rule, most) in [(Rule::OneForEachRun, 3), (Rule::AtMostOneForEachRun, 3), (Rule::OneMoreMayBeUntold, 4)] {
            assert!(rule.permits(2, most, "Always"), "{rule:?}");
            assert!(!rule.permits(2, most + 1, "Always"), "{rule:?}");
            assert!(!rule.permits(2, 2, "Never"), "{rule:?}");
        }
        assert!(!Rule::OneForEachRun.permits(2, 2, "Always"));
        assert!(Rule::AtMostOneForEachRun.permits(0, 0, "Never"));
    }
}
