//! One run.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kube::Client;
use serde::Serialize;
use test_cluster::Cluster;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::reading::{CpuSeconds, Processes, Reading, follow_anonymous_memory};
use crate::agent::Agent;
use crate::machine::load_average;
use crate::observer::{Seen, observe};
use crate::pods;
use crate::process::{Memory, Process};
use crate::requests::{Kind, Requests};
use crate::statistics::Distribution;

/// Nothing takes nearly as long; a bound against waiting for ever.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at whether the agent still runs.
const INTERVAL: Duration = Duration::from_millis(500);
/// Before memory is read, so that what is short-lived has gone.
const SETTLE: Duration = Duration::from_secs(3);
/// How long an agent with pods and nothing to do is watched.
const IDLE: Duration = Duration::from_secs(10);

/// What one run needs.
pub(super) struct Scenario<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) client: &'a Client,
    pub(super) binary: &'a Path,
    pub(super) node: String,
    pub(super) pods: usize,
    pub(super) creators: usize,
}

/// What one run measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Run {
    /// Before anything was started.
    pub(crate) load_average: f64,
    /// From the first request for a pod until the last was seen Running; latencies are from a pod's own request on.
    pub(crate) creation: Phase,
    /// From the first request to delete until the last was seen gone; latencies are from that request on.
    pub(crate) deletion: Phase,
    /// The agent's processor time per minute with all pods Running and nothing to do, in milliseconds.
    pub(crate) idle_cpu_ms_per_minute: f64,
    /// The agent's memory with no pods yet, with all of them Running and settled, and with all gone.
    pub(crate) memory_before: Memory,
    pub(crate) memory_loaded: Memory,
    pub(crate) memory_after: Memory,
    /// The most anonymous memory at any time. The most resident memory is `memory_after.peak`.
    pub(crate) peak_anonymous: u64,
    pub(crate) threads: u64,
    pub(crate) open_files: usize,
    /// Requests over the whole life of the pods.
    pub(crate) requests: Vec<RequestCount>,
    /// Watches of pods, anybody's, that the server cut because they were slow.
    pub(crate) watches_cut: u64,
    /// Full lists that our own watch needed.
    pub(crate) own_lists: usize,
    /// Warnings and errors in the agent's log.
    pub(crate) complaints: Vec<String>,
}

/// Creation or deletion.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Phase {
    pub(crate) pods_per_second: f64,
    pub(crate) latency_ms: Distribution,
    /// How long after the last pod had got there the agent wrote its last Event or status, in seconds.
    pub(crate) quiet_after: f64,
    pub(crate) agent_cpu_ms_per_pod: f64,
    /// Up to that last write.
    pub(crate) cpu: CpuSeconds,
}

/// How often one kind of request was made.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RequestCount {
    pub(crate) verb: String,
    pub(crate) resource: String,
    pub(crate) code: String,
    /// By the agent, as the agent counts.
    pub(crate) agent: u64,
    /// By anybody, as the server counts.
    pub(crate) server: u64,
    pub(crate) is_pod_write: bool,
    pub(crate) is_event_write: bool,
}

impl Scenario<'_> {
    /// Measures once. The API server has no pods before and none afterwards.
    pub(super) async fn run(&self) -> Result<Run> {
        let load_average = load_average()?;
        let mut agent = Agent::start(self.cluster, self.binary, &self.node, self.pods)?;
        let measured = self.measure(&mut agent, load_average).await;
        let run = measured.with_context(|| agent.log_end())?;
        agent.stop().await?;
        Ok(run)
    }

    async fn measure(&self, agent: &mut Agent, load_average: f64) -> Result<Run> {
        agent.until_ready().await?;
        let process = agent.process();
        let processes = Processes {
            agent: process,
            api_server: Process::in_group_of(process, "kube-apiserver")?,
            etcd: Process::in_group_of(process, "etcd")?,
        };
        let mut seen = observe(self.client.clone(), &self.node);
        sleep(SETTLE).await;
        let memory_before = process.memory()?;
        let peak_anonymous = follow_anonymous_memory(process);

        let start = Reading::take(processes, agent, self.client).await?;
        let asked_at = pods::create(self.client, &self.node, self.pods, self.creators).await?;
        self.wait(agent, &mut seen, "Running", |seen| seen.running.len()).await?;
        let begun = asked_at.values().min().copied().context("no pods were asked for")?;
        let running = seen.borrow().running.clone();
        let creation = Arrivals::new(begun, &running, |name| asked_at.get(name).copied());
        let creation_quiet = agent.until_quiet().await?;
        let created = Reading::take(processes, agent, self.client).await?;
        self.expect_phases(BTreeMap::from([("Running".to_owned(), self.pods)])).await?;

        sleep(SETTLE).await;
        let memory_loaded = process.memory()?;
        let idle_cpu_ms_per_minute = idle(process).await?;
        let (threads, open_files) = (process.threads()?, process.open_files()?);

        let before_deletion = Reading::take(processes, agent, self.client).await?;
        let begun = Instant::now();
        pods::delete(self.client, self.pods).await?;
        self.wait(agent, &mut seen, "gone", |seen| seen.gone.len()).await?;
        let deletion = Arrivals::new(begun, &seen.borrow().gone, |_| Some(begun));
        let deletion_quiet = agent.until_quiet().await?;
        let end = Reading::take(processes, agent, self.client).await?;
        self.expect_phases(BTreeMap::new()).await?;
        sleep(SETTLE).await;

        Ok(Run {
            load_average,
            creation: creation.phase(creation_quiet, created.cpu_since(&start)),
            deletion: deletion.phase(deletion_quiet, end.cpu_since(&before_deletion)),
            idle_cpu_ms_per_minute,
            memory_before,
            memory_loaded,
            memory_after: process.memory()?,
            peak_anonymous: *peak_anonymous.borrow(),
            threads,
            open_files,
            requests: count(&end.sent.since(&start.sent), &end.answered.since(&start.answered)),
            watches_cut: end.watches_cut - start.watches_cut,
            own_lists: seen.borrow().lists,
            complaints: agent.complaints()?,
        })
    }

    /// Waits until so many pods were seen; fails on the first one that went the wrong way.
    async fn wait(
        &self,
        agent: &mut Agent,
        seen: &mut watch::Receiver<Seen>,
        what: &str,
        count: impl Fn(&Seen) -> usize,
    ) -> Result<()> {
        let begun = Instant::now();
        loop {
            agent.check()?;
            {
                let seen = seen.borrow_and_update();
                if let Some((name, phase)) = seen.ended.first_key_value() {
                    bail!("pod {name} has become {phase}, and nobody had asked it to end");
                }
                if let Some(lost) = seen.gone.keys().find(|name| !seen.running.contains_key(*name)) {
                    bail!("pod {lost} is gone and was never seen Running");
                }
                if count(&seen) >= self.pods {
                    return Ok(());
                }
                if begun.elapsed() > PATIENCE {
                    let number = count(&seen);
                    bail!("after {} s only {number} of {} pods are {what}", PATIENCE.as_secs(), self.pods);
                }
            }
            // Late news and no news are the same here.
            let _ = timeout(INTERVAL, seen.changed()).await;
        }
    }

    async fn expect_phases(&self, expected: BTreeMap<String, usize>) -> Result<()> {
        let phases = pods::phases(self.client).await?;
        if phases != expected {
            bail!("the API server has pods in phases {phases:?} and should have {expected:?}");
        }
        Ok(())
    }
}

/// When pods got to where they were going.
struct Arrivals {
    pods: f64,
    began: Instant,
    last: Instant,
    latency_ms: Vec<f64>,
}

impl Arrivals {
    fn new(began: Instant, arrived: &BTreeMap<String, Instant>, asked_at: impl Fn(&str) -> Option<Instant>) -> Self {
        let latency = |(name, at): (&String, &Instant)| {
            let asked_at = asked_at(name)?;
            Some(at.saturating_duration_since(asked_at).as_secs_f64() * 1000.0)
        };
        let latency_ms: Vec<f64> = arrived.iter().filter_map(latency).collect();
        let pods = f64::from(u32::try_from(arrived.len()).unwrap_or(u32::MAX));
        Self { pods, began, last: arrived.values().max().copied().unwrap_or(began), latency_ms }
    }

    fn phase(self, quiet: Instant, cpu: CpuSeconds) -> Phase {
        Phase {
            pods_per_second: self.pods / self.last.duration_since(self.began).as_secs_f64(),
            latency_ms: Distribution::of(self.latency_ms),
            quiet_after: quiet.saturating_duration_since(self.last).as_secs_f64(),
            agent_cpu_ms_per_pod: cpu.agent * 1000.0 / self.pods,
            cpu,
        }
    }
}

async fn idle(process: Process) -> Result<f64> {
    let before = process.cpu_seconds()?;
    sleep(IDLE).await;
    let used = process.cpu_seconds()? - before;
    Ok(used * 1000.0 * 60.0 / IDLE.as_secs_f64())
}

/// The kinds of requests that the agent made, with what the server says of the same kinds.
fn count(sent: &Requests, answered: &Requests) -> Vec<RequestCount> {
    let one = |kind: &Kind| RequestCount {
        verb: kind.verb.clone(),
        resource: kind.resource.clone(),
        code: kind.code.clone(),
        agent: sent.get(kind),
        server: answered.get(kind),
        is_pod_write: kind.is_write() && kind.resource.starts_with("pods"),
        is_event_write: kind.is_write() && kind.is_of_events(),
    };
    sent.kinds().map(one).collect()
}

impl Run {
    /// Writes about pods, and about Events, per pod over its whole life.
    pub(crate) fn writes_per_pod(&self, pods: u32, of: impl Fn(&RequestCount) -> bool) -> f64 {
        let sum: u64 = self.requests.iter().filter(|request| of(request)).map(|request| request.agent).sum();
        f64::from(u32::try_from(sum).unwrap_or(u32::MAX)) / f64::from(pods)
    }

    /// One line.
    pub(crate) fn in_short(&self) -> String {
        let Self { creation, deletion, .. } = self;
        format!(
            "load {:.1}; created {:.0}/s, p50 {:.0} ms, p99 {:.0} ms; deleted {:.0}/s; agent {:.2} + {:.2} ms CPU per pod; \
             others used {:.1} s CPU meanwhile",
            self.load_average,
            creation.pods_per_second,
            creation.latency_ms.p50,
            creation.latency_ms.p99,
            deletion.pods_per_second,
            creation.agent_cpu_ms_per_pod,
            deletion.agent_cpu_ms_per_pod,
            creation.cpu.others + deletion.cpu.others,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rates_span_all_pods_and_latencies_one() {
        let began = Instant::now();
        let after = |ms| began + Duration::from_millis(ms);
        let asked: BTreeMap<_, _> = [("a".to_owned(), began), ("b".to_owned(), after(400))].into();
        let running: BTreeMap<_, _> = [("a".to_owned(), after(100)), ("b".to_owned(), after(500))].into();
        let arrivals = Arrivals::new(began, &running, |name| asked.get(name).copied());
        let cpu = CpuSeconds { agent: 0.004, api_server: 0.0, etcd: 0.0, driver: 0.0, others: 0.0, stolen: 0.0 };
        let phase = arrivals.phase(after(1500), cpu);
        assert_eq!((phase.pods_per_second, phase.latency_ms.max), (4.0, 100.0));
        assert_eq!((phase.quiet_after, phase.agent_cpu_ms_per_pod), (1.0, 2.0));
    }
}
