//! The command line of a virtual kubelet, as a library that takes providers.
//!
//! A program with providers of its own is this:
//! ```no_run
//! use std::process::ExitCode;
//! use std::sync::Arc;
//!
//! fn main() -> ExitCode {
//!     vk_cli::run([Arc::new(vk_provider_mock::MockFactory) as Arc<dyn vk_provider::ProviderFactory>])
//! }
//! ```
//!
//! Flags and environment are those of the Go project (v1.13, node-cli included), so that an existing manifest works by
//! changing the image; see [`Options`] and `--help`.

mod admin;
mod api_server;
mod bootstrap;
mod clients;
#[cfg(feature = "dev")]
mod dev;
mod environment;
mod error;
mod flags;
mod go_values;
mod identity;
mod klog;
mod kubeconfig;
mod listen;
mod logging;
mod metrics;
mod node_address;
mod node_name;
mod open_files;
mod options;
mod providers;
mod run;
mod signals;
mod state_directory;
mod taint;
#[cfg(test)]
mod tests;
mod version;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches};
use vk_provider::ProviderFactory;

pub use environment::Environment;
pub use error::{UsageError, Warning};
pub use listen::ListenAddress;
pub use options::{
    ClientCertificateOptions, ClusterOptions, KubeletApiOptions, MetricsAddress, NodeOptions, OperatingSystem, Options,
    ServingCertificate, StateDir, UnsupportedFields,
};
pub use providers::Providers;
pub use version::VERSION;

use crate::flags::{Command, CommandLine};
use crate::logging::Logging;

/// Exit code for settings that cannot be used.
const USAGE: u8 = 2;

/// Runs the program with the arguments and environment of this process.
///
/// Exit codes: 0 after an orderly end, 1 after a failure, 2 for settings that cannot be used, 128 and the signal's number
/// if a second signal insisted.
pub fn run(factories: impl IntoIterator<Item = Arc<dyn ProviderFactory>>) -> ExitCode {
    let providers = Providers::new(factories);
    match Environment::of_this_process() {
        Ok(environment) => run_with(std::env::args_os(), &environment, &providers),
        Err(error) => usage(&error),
    }
}

fn run_with(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    providers: &Providers,
) -> ExitCode {
    let (arguments, klog) = klog::take_out(arguments);
    let parsed = CommandLine::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let line = match parsed {
        Ok(line) => line,
        Err(error) => {
            // Help goes to stdout with exit code 0, mistakes to stderr with 2; nothing is left to do if that fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    match start(line, &klog, environment, providers) {
        Ok(code) => code,
        Err(error) => usage(&error),
    }
}

fn start(
    line: CommandLine,
    klog: &[String],
    environment: &Environment,
    providers: &Providers,
) -> Result<ExitCode, UsageError> {
    // What a development cluster does is told in lines of its own.
    let quieter = line.command.as_ref().is_some_and(Command::tells_by_itself).then_some("warn");
    let logging = Logging::new(line.flags.log_level.as_deref().or(quieter), line.flags.log_format.as_deref())?;
    match line.command {
        Some(Command::Version) => Ok(printed(|out| writeln!(out, "{}", version::line()))),
        Some(Command::Providers { name, markdown }) => Ok(list_providers(providers, name.as_deref(), markdown)),
        #[cfg(feature = "dev")]
        Some(Command::Dev(flags)) => dev::blocking(logging, &flags, environment, providers),
        None => {
            let options = Options::new(line.flags, &line.ignored, klog, environment, providers)?;
            Ok(run::blocking(logging, options, environment, providers))
        }
    }
}

fn list_providers(providers: &Providers, name: Option<&str>, markdown: bool) -> ExitCode {
    if let Some(name) = name.filter(|name| providers.find(name).is_none()) {
        return complaint(format_args!("no such provider {name}"), 1);
    }
    match (name, markdown) {
        (only, true) => printed(|out| providers.document(only, out)),
        (Some(name), false) => printed(|out| writeln!(out, "{name}")),
        (None, false) => printed(|out| providers.list(out)),
    }
}

/// Writes to stdout. A reader that has gone, as in `| head -1`, is no failure.
fn printed(write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>) -> ExitCode {
    match write(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => complaint(format_args!("cannot write: {error}"), 1),
    }
}

fn usage(error: &UsageError) -> ExitCode {
    complaint(format_args!("{error}\n\nFor more information, try '--help'."), USAGE)
}

fn complaint(message: std::fmt::Arguments<'_>, code: u8) -> ExitCode {
    // There is no other place to complain about a broken stderr.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::from(code)
}
