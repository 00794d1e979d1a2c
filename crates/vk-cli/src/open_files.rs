//! How many files the agent may have open: each connection, watch and session is one.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Takes as many as the system allows. What a process is given at first is often 1,024, for programs that use `select`.
pub(crate) fn raise_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        tracing::debug!(from = soft, to = hard, "the limit of open files is raised");
        Ok(())
    });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
