//! From what a person configured to what the server needs, with an error that names the missing setting.

pub(crate) mod configuration;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::limits::Limits;

/// What was configured, unchecked. [`Settings::try_from`] checks it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// PEM file with the serving certificate, leaf first.
    pub certificate: Option<PathBuf>,
    /// PEM file with its private key.
    pub key: Option<PathBuf>,
    /// PEM file with the authorities that sign client certificates.
    pub client_ca: Option<PathBuf>,
    /// Let clients in without a certificate. Only together with [`Self::insecure_allow_anonymous`].
    pub no_verify_clients: bool,
    /// The confirmation that [`Self::no_verify_clients`] needs.
    pub insecure_allow_anonymous: bool,
    /// Bounds.
    pub limits: Limits,
}

impl Options {
    /// Listens here; nothing else is said.
    pub fn new(bind: SocketAddr) -> Self {
        Self {
            bind,
            certificate: None,
            key: None,
            client_ca: None,
            no_verify_clients: false,
            insecure_allow_anonymous: false,
            limits: Limits::default(),
        }
    }
}

/// A setting, as people know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// The serving certificate.
    Certificate,
    /// The key of the serving certificate.
    Key,
    /// The client CA bundle.
    ClientCa,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "serving certificate (APISERVER_CERT_LOCATION)",
            Self::Key => "key of the serving certificate (APISERVER_KEY_LOCATION)",
            Self::ClientCa => "client CA (--client-verify-ca or APISERVER_CA_CERT_LOCATION)",
        })
    }
}

/// Why the kubelet API cannot start with these options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A file is not named.
    #[error("the kubelet API needs a {0}: set it to the path of a PEM file")]
    Missing(Setting),
    /// Anonymous access was asked for with one flag only.
    #[error(
        "--no-verify-clients lets anyone reach the kubelet API without a certificate: \
         it takes effect only beside --insecure-allow-anonymous"
    )]
    AnonymousNotConfirmed,
}

/// Checked options: there is a serving certificate, and a decision about clients.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) bind: SocketAddr,
    pub(crate) serving: ServingFiles,
    pub(crate) clients: Clients,
    pub(crate) limits: Limits,
}

/// Where the serving certificate is.
#[derive(Debug, Clone)]
pub(crate) struct ServingFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Who may connect.
#[derive(Debug, Clone)]
pub(crate) enum Clients {
    /// Those with a certificate that these authorities signed.
    Verified { ca: PathBuf },
    /// Anyone; a certificate that is shown nevertheless is verified if there are authorities to do so.
    Anonymous { ca: Option<PathBuf> },
}

impl Clients {
    pub(crate) fn ca(&self) -> Option<&PathBuf> {
        match self {
            Self::Verified { ca } => Some(ca),
            Self::Anonymous { ca } => ca.as_ref(),
        }
    }

    pub(crate) fn allows_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous { .. })
    }
}

impl TryFrom<Options> for Settings {
    type Error = SettingsError;

    fn try_from(options: Options) -> Result<Self, SettingsError> {
        let certificate = options.certificate.ok_or(SettingsError::Missing(Setting::Certificate))?;
        let key = options.key.ok_or(SettingsError::Missing(Setting::Key))?;
        let clients = match (options.no_verify_clients, options.insecure_allow_anonymous, options.client_ca) {
            (true, true, ca) => Clients::Anonymous { ca },
            (true, false, _) => return Err(SettingsError::AnonymousNotConfirmed),
            (false, _, Some(ca)) => Clients::Verified { ca },
            (false, _, None) => return Err(SettingsError::Missing(Setting::ClientCa)),
        };
        Ok(Self { bind: options.bind, serving: ServingFiles { certificate, key }, clients, limits: options.limits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Options {
        let mut options = Options::new(([127, 0, 0, 1], 0).into());
        options.certificate = Some("tls.crt".into());
        options.key = Some("tls.key".into());
        options.client_ca = Some("ca.crt".into());
        options
    }

    #[test]
    fn a_missing_file_is_named_by_its_setting() {
        for (take, setting, word) in [
            ((|o| o.certificate = None) as fn(&mut Options), Setting::Certificate, "APISERVER_CERT_LOCATION"),
            (|o| o.key = None, Setting::Key, "APISERVER_KEY_LOCATION"),
            (|o| o.client_ca = None, Setting::ClientCa, "--client-verify-ca"),
        ] {
            let mut options = complete();
            take(&mut options);
            let error = Settings::try_from(options).unwrap_err();
            assert_eq!(error, SettingsError::Missing(setting));
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn anonymous_access_takes_both_flags() {
        let with = |no_verify_clients, insecure_allow_anonymous, client_ca| {
            let options = Options { no_verify_clients, insecure_allow_anonymous, client_ca, ..complete() };
            Settings::try_from(options).map(|settings| settings.clients.allows_anonymous())
        };
        let ca = || Some(PathBuf::from("ca.crt"));
        assert_eq!(with(false, false, ca()), Ok(false));
        assert_eq!(with(false, true, ca()), Ok(false));
        assert_eq!(with(false, true, None), Err(SettingsError::Missing(Setting::ClientCa)));
        assert_eq!(with(true, false, ca()), Err(SettingsError::AnonymousNotConfirmed));
        assert_eq!(with(true, true, ca()), Ok(true));
        assert_eq!(with(true, true, None), Ok(true));
    }
}
