//! Looks at the certificate files from time to time and publishes what changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::CertificateError;
use super::files::CertificateFiles;
use super::tls::TlsState;
use crate::clock::WallClock;
use crate::digest::Digest;

/// How often an awaited certificate is looked for.
const AWAITING: Duration = Duration::from_secs(1);

/// The one writer of the TLS state.
pub(crate) struct Reloader {
    files: CertificateFiles,
    clock: WallClock,
    state: watch::Sender<Arc<TlsState>>,
    /// What was last tried, good or bad: nothing is tried, or complained about, twice.
    tried: Option<Digest>,
    /// Whether the files could not be read the last time.
    unreadable: bool,
}

impl Reloader {
    /// Reads the files for the first time.
    pub(crate) async fn load(files: CertificateFiles, clock: WallClock) -> Result<Self, CertificateError> {
        let contents = files.read().await?;
        let state = TlsState::build(&files, &contents, &clock)?;
        report(&state, &clock);
        let tried = Some(contents.fingerprint());
        Ok(Self { files, clock, state: watch::Sender::new(Arc::new(state)), tried, unreadable: false })
    }

    /// The newest state that could be built.
    pub(crate) fn state(&self) -> watch::Receiver<Arc<TlsState>> {
        self.state.subscribe()
    }

    /// Goes on looking at the files. What cannot be used is said once, and the state before it stays.
    pub(crate) async fn run(mut self, period: Duration) -> Infallible {
        loop {
            let awaiting = self.state.borrow().config.is_none();
            sleep(if awaiting { period.min(AWAITING) } else { period }).await;
            self.look().await;
        }
    }

    /// Contents are compared, not times: a mounted Secret changes by renaming a directory, and clocks jump.
    async fn look(&mut self) {
        let contents = match self.files.read().await {
            Ok(contents) => contents,
            Err(error) => {
                if !std::mem::replace(&mut self.unreadable, true) {
                    tracing::warn!(%error, "certificates of the kubelet API cannot be read again; the old ones stay");
                }
                return;
            }
        };
        self.unreadable = false;
        let fingerprint = contents.fingerprint();
        if self.tried.replace(fingerprint) == Some(fingerprint) {
            return;
        }
        match TlsState::build(&self.files, &contents, &self.clock) {
            Ok(state) => {
                report(&state, &self.clock);
                self.state.send_replace(Arc::new(state));
            }
            // During a rotation certificate and key may not fit for a moment.
            Err(error) => {
                tracing::warn!(%error, "changed certificates of the kubelet API are not used; the old ones stay")
            }
        }
    }
}

fn report(state: &TlsState, clock: &WallClock) {
    match state.serving_until {
        _ if state.config.is_none() => {
            tracing::info!("the kubelet API has no serving certificate yet: until it has, every handshake fails");
        }
        Some(until) if until <= clock.now() => {
            tracing::warn!(%until, "the serving certificate of the kubelet API has expired: clients will refuse it");
        }
        until => tracing::info!(until = until.map(tracing::field::display), "certificates of the kubelet API loaded"),
    }
}
