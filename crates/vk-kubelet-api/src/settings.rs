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
    /// Somebody is about to write these files: until then the API listens and ends every handshake.
    pub certificate_awaited: bool,
    /// PEM file with the authorities that sign client certificates.
    pub client_ca: Option<PathBuf>,
    /// Let clients in with a bearer token; takes
    /// [`NodeServices::with_token_authenticator`](crate::NodeServices::with_token_authenticator).
    pub tokens: bool,
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
            certificate_awaited: false,
            client_ca: None,
            tokens: false,
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
            Self::Certificate => "serving certificate (--tls-cert-file or APISERVER_CERT_LOCATION)",
            Self::Key => "key of the serving certificate (--tls-private-key-file or APISERVER_KEY_LOCATION)",
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
    /// Nobody could authenticate.
    #[error(
        "the kubelet API needs a way to authenticate its clients: a {}, or bearer tokens (--authentication-token-webhook)",
        Setting::ClientCa
    )]
    NoAuthentication,
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
    /// Whether they may come later.
    pub(crate) awaited: bool,
}

/// Who may connect; at least one of these says somebody. A certificate or token that is shown has to be good even where
/// anyone may connect without.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    /// Those with a certificate that these authorities signed.
    pub(crate) ca: Option<PathBuf>,
    /// Those with a bearer token.
    pub(crate) tokens: bool,
    /// Anyone.
    pub(crate) anonymous: bool,
}

impl Settings {
    /// Whether clients may authenticate with bearer tokens.
    pub fn takes_tokens(&self) -> bool {
        self.clients.tokens
    }
}

impl TryFrom<Options> for Settings {
    type Error = SettingsError;

    fn try_from(options: Options) -> Result<Self, SettingsError> {
        let certificate = options.certificate.ok_or(SettingsError::Missing(Setting::Certificate))?;
        let key = options.key.ok_or(SettingsError::Missing(Setting::Key))?;
        if options.no_verify_clients && !options.insecure_allow_anonymous {
            return Err(SettingsError::AnonymousNotConfirmed);
        }
        let (ca, tokens, anonymous) = (options.client_ca, options.tokens, options.no_verify_clients);
        if ca.is_none() && !tokens && !anonymous {
            return Err(SettingsError::NoAuthentication);
        }
        Ok(Self {
            bind: options.bind,
            serving: ServingFiles { certificate, key, awaited: options.certificate_awaited },
            clients: Clients { ca, tokens, anonymous },
            limits: options.limits,
        })
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
        ] {
            let mut options = complete();
            take(&mut options);
            let error = Settings::try_from(options).unwrap_err();
            assert_eq!(error, SettingsError::Missing(setting));
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn there_has_to_be_a_way_to_authenticate() {
        let with = |client_ca: Option<&str>, tokens| {
            let options = Options { client_ca: client_ca.map(PathBuf::from), tokens, ..complete() };
            Settings::try_from(options).map(|settings| (settings.clients.ca.is_some(), settings.takes_tokens()))
        };
        assert_eq!(with(Some("ca.crt"), false), Ok((true, false)));
        assert_eq!(with(Some("ca.crt"), true), Ok((true, true)));
        assert_eq!(with(None, true), Ok((false, true)));
        let error = with(None, false).unwrap_err();
        assert_eq!(error, SettingsError::NoAuthentication);
        for word in ["--client-verify-ca", "--authentication-token-webhook"] {
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn anonymous_access_takes_both_flags() {
        let with = |no_verify_clients, insecure_allow_anonymous, client_ca| {
            let options = Options { no_verify_clients, insecure_allow_anonymous, client_ca, ..complete() };
            Settings::try_from(options).map(|settings| settings.clients.anonymous)
        };
        let ca = || Some(PathBuf::from("ca.crt"));
        assert_eq!(with(false, false, ca()), Ok(false));
        assert_eq!(with(false, true, ca()), Ok(false));
        assert_eq!(with(false, true, None), Err(SettingsError::NoAuthentication));
        assert_eq!(with(true, false, ca()), Err(SettingsError::AnonymousNotConfirmed));
        assert_eq!(with(true, true, ca()), Ok(true));
        assert_eq!(with(true, true, None), Ok(true));
    }
}
