//! Streams of the kubelet API: what a command prints, and short commands one after the other, beside bare TLS.
//!
//! Server and client are in this process, each with a runtime of its own; the back end does nothing.

mod back_end;
mod certificates;
mod client;
mod kubelet;
mod report;
mod tls;

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::time::{Duration, Instant};

use crate::machine::{Machine, load_average};
use certificates::Certificates;
use client::{Client, Protocol};
use kubelet::Kubelet;
pub(crate) use report::Report;
use report::Run;
use tls::BareServer;

/// What can be chosen.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Settings {
    /// MiB that one command prints.
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    mebibytes: u32,
    /// For how long short commands are run.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Short commands that are under way at any one moment.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    clients: u32,
    /// How often to measure.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

const MEBIBYTE: u64 = 1024 * 1024;

/// Starts a kubelet API and measures it.
pub(crate) fn measure(settings: &Settings, commit: &str) -> Result<Report> {
    let certificates = Certificates::new()?;
    let kubelet = Kubelet::start(&certificates)?;
    let bare = BareServer::start(&certificates)?;
    let runtime = Runtime::new()?;
    let mut report = Report {
        date: Timestamp::now(),
        commit: commit.to_owned(),
        machine: Machine::read()?,
        mebibytes: settings.mebibytes,
        clients: settings.clients,
        runs: Vec::new(),
    };
    let measurement = Measurement {
        settings,
        kubelet: Client::new(&certificates, kubelet.address())?,
        bare: Client::new(&certificates, bare.address())?,
    };
    for number in 1..=settings.runs {
        let run = runtime.block_on(measurement.run()).with_context(|| format!("run {number}"))?;
        println!("run {number} of {}: {}", settings.runs, run.in_short());
        report.runs.push(run);
    }
    Ok(report)
}

struct Measurement<'a> {
    settings: &'a Settings,
    kubelet: Client,
    bare: Client,
}

impl Measurement<'_> {
    async fn run(&self) -> Result<Run> {
        Ok(Run {
            load_average: load_average()?,
            bare_rate: self.bare_rate().await?,
            spdy_rate: self.rate(Protocol::Spdy).await?,
            web_socket_rate: self.rate(Protocol::WebSocket).await?,
            handshakes: self.often(|| self.bare.read(1)).await?,
            spdy_commands: self.often(|| self.nothing(Protocol::Spdy)).await?,
            web_socket_commands: self.often(|| self.nothing(Protocol::WebSocket)).await?,
        })
    }

    fn bytes(&self) -> u64 {
        u64::from(self.settings.mebibytes) * MEBIBYTE
    }

    async fn bare_rate(&self) -> Result<f64> {
        let begun = Instant::now();
        self.bare.read(self.bytes()).await?;
        Ok(self.mebibytes_per_second(begun))
    }

    /// How fast a command's output comes.
    async fn rate(&self, protocol: Protocol) -> Result<f64> {
        let begun = Instant::now();
        let printed = self.kubelet.print(protocol, self.bytes()).await?;
        let rate = self.mebibytes_per_second(begun);
        if printed != self.bytes() {
            bail!("{printed} bytes came, not {}", self.bytes());
        }
        Ok(rate)
    }

    fn mebibytes_per_second(&self, begun: Instant) -> f64 {
        f64::from(self.settings.mebibytes) / begun.elapsed().as_secs_f64()
    }

    /// A command that prints nothing.
    async fn nothing(&self, protocol: Protocol) -> Result<()> {
        match self.kubelet.print(protocol, 0).await? {
            0 => Ok(()),
            printed => bail!("{printed} bytes came of a command that prints nothing"),
        }
    }

    /// How often something can be done in a second, by several at once, each on a connection of its own.
    async fn often<F: Future<Output = Result<()>>>(&self, action: impl Fn() -> F) -> Result<f64> {
        let begun = Instant::now();
        let end = begun + Duration::from_secs(self.settings.seconds.into());
        let one_client = async || {
            let mut done: u32 = 0;
            while Instant::now() < end {
                action().await?;
                done += 1;
            }
            anyhow::Ok(done)
        };
        let done = try_join_all((0..self.settings.clients).map(|_| one_client())).await?;
        Ok(f64::from(done.iter().sum::<u32>()) / begun.elapsed().as_secs_f64())
    }
}
