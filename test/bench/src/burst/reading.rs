//! Reading every meter at one moment, and what lies between two readings.

use std::time::Duration;

use anyhow::Result;
use kube::Client;
use serde::Serialize;
use tokio::sync::watch;

use crate::agent::Agent;
use crate::cluster;
use crate::exposition::samples;
use crate::process::{MachineCpu, Memory, Process};
use crate::requests::Requests;

/// The processes that share the machine for the sake of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Processes {
    pub(super) agent: Process,
    pub(super) api_server: Process,
    pub(super) etcd: Process,
}

/// All meters at one moment.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    agent: f64,
    api_server: f64,
    etcd: f64,
    driver: f64,
    machine: MachineCpu,
    pub(super) sent: Requests,
    pub(super) answered: Requests,
    pub(super) watches_cut: u64,
}

/// Processor time between two readings, in seconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct CpuSeconds {
    pub(crate) agent: f64,
    pub(crate) api_server: f64,
    pub(crate) etcd: f64,
    /// This program.
    pub(crate) driver: f64,
    /// Everything else on the machine: what should not have been there.
    pub(crate) others: f64,
    /// Time that the host of this virtual machine gave to somebody else.
    pub(crate) stolen: f64,
}

impl Reading {
    pub(super) async fn take(processes: Processes, agent: &Agent, client: &Client) -> Result<Self> {
        let server = cluster::metrics(client).await?;
        let cut = samples(&server, &["apiserver_terminated_watchers_total"]);
        let cut: f64 = cut.iter().filter(|sample| sample.label("resource") == "pods").map(|sample| sample.value).sum();
        Ok(Self {
            sent: agent.requests().await?,
            answered: Requests::of_server(&server),
            // A counter is a whole number that a float holds exactly.
            watches_cut: cut as u64,
            agent: processes.agent.cpu_seconds()?,
            api_server: processes.api_server.cpu_seconds()?,
            etcd: processes.etcd.cpu_seconds()?,
            driver: Process::current().cpu_seconds()?,
            machine: MachineCpu::read()?,
        })
    }

    pub(super) fn cpu_since(&self, earlier: &Self) -> CpuSeconds {
        let agent = self.agent - earlier.agent;
        let api_server = self.api_server - earlier.api_server;
        let etcd = self.etcd - earlier.etcd;
        let driver = self.driver - earlier.driver;
        let busy = self.machine.busy - earlier.machine.busy;
        CpuSeconds {
            agent,
            api_server,
            etcd,
            driver,
            // Each of the meters is exact to some hundredths only.
            others: (busy - agent - api_server - etcd - driver).max(0.0),
            stolen: self.machine.stolen - earlier.machine.stolen,
        }
    }
}

/// Follows the most anonymous memory that a process has had; the kernel keeps no such mark. Ends when it is dropped.
pub(super) fn follow_anonymous_memory(process: Process) -> watch::Receiver<u64> {
    const INTERVAL: Duration = Duration::from_millis(20);
    let (sender, peak) = watch::channel(0);
    tokio::spawn(async move {
        // The process ends before whoever watches it does.
        while let Ok(Memory { anonymous, .. }) = process.memory()
            && !sender.is_closed()
        {
            sender.send_if_modified(|peak| std::mem::replace(peak, anonymous.max(*peak)) < anonymous);
            tokio::time::sleep(INTERVAL).await;
        }
    });
    peak
}
