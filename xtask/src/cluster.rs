//! `cargo xtask cluster`.

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Result, bail};
use clap::Subcommand;
use test_cluster::{Cluster, ControlPlane, ControlPlaneOptions, cache_directory, end};

use crate::stopwatch::Stopwatch;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start it, and leave it running.
    Up {
        /// Stay with it instead: it ends with Ctrl-C, or with this process.
        #[arg(long)]
        foreground: bool,
    },
    /// End it and remove all that it stored.
    Down,
    /// Say whether it runs, and where.
    Status,
    /// Print the shell commands that make it the current one: `eval "$(cargo xtask cluster env)"`.
    Env,
}

pub(crate) fn run(command: &Command) -> Result<()> {
    let directory = directory()?;
    match command {
        Command::Up { foreground } => up(directory, *foreground),
        Command::Down => down(&directory),
        Command::Status => status(&directory),
        Command::Env => {
            print!("{}", environment(&Cluster::open(&directory)?));
            Ok(())
        }
    }
}

/// The one cluster that this command knows.
fn directory() -> Result<PathBuf> {
    Ok(cache_directory()?.join("cluster"))
}

fn up(directory: PathBuf, foreground: bool) -> Result<()> {
    if let Ok(cluster) = Cluster::open(&directory) {
        bail!("a cluster runs already: {} ({})", cluster.server_url(), directory.display());
    }
    if directory.exists() {
        // A reboot ends a cluster and leaves its files.
        end(&directory)?;
    }
    let stopwatch = Stopwatch::start();
    let control_plane = ControlPlane::start(ControlPlaneOptions { directory: Some(directory), ..Default::default() })?;
    let seconds = stopwatch.elapsed().as_secs_f32();
    println!("Kubernetes is ready at {} after {seconds:.1} s.", control_plane.server_url());
    println!("  use it:  eval \"$(cargo xtask cluster env)\" && kubectl get --raw=/version");
    if foreground {
        println!("  end it:  Ctrl-C");
        let directory = control_plane.directory().to_owned();
        while Cluster::open(&directory).is_ok() {
            thread::sleep(std::time::Duration::from_millis(500));
        }
        println!("It was ended from elsewhere.");
    } else {
        control_plane.detach()?;
        println!("  end it:  cargo xtask cluster down");
    }
    Ok(())
}

fn down(directory: &Path) -> Result<()> {
    if !directory.exists() {
        println!("No cluster runs.");
        return Ok(());
    }
    end(directory)?;
    println!("The cluster has ended and its files are gone.");
    Ok(())
}

fn status(directory: &Path) -> Result<()> {
    let Ok(cluster) = Cluster::open(directory) else {
        println!("No cluster runs. Start one with: cargo xtask cluster up");
        return Ok(());
    };
    let state = if cluster.is_ready() { "ready" } else { "not ready" };
    println!("Kubernetes at {} is {state}.", cluster.server_url());
    println!("  files and logs: {}", cluster.directory().display());
    println!("  programs:       {}", cluster.programs().display());
    Ok(())
}

fn environment(cluster: &Cluster) -> String {
    let mut script = String::new();
    for (name, value) in cluster.environment() {
        script.push_str(&format!("export {name}={}\n", quote(&value.display().to_string())));
    }
    script.push_str(&format!("export PATH={}:\"$PATH\"\n", quote(&cluster.programs().display().to_string())));
    script
}

/// Quotes for a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_reads_is_what_was_meant() {
        assert_eq!(quote("/a b/c"), "'/a b/c'");
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
