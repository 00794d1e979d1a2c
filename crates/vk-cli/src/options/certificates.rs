//! Flags about certificates and about those who show them.

use std::path::PathBuf;
use std::time::Duration;

use virtual_kubelet::ReviewCaching;

use crate::environment::Environment;
use crate::error::UsageError;
use crate::flags::Flags;

/// Longer than anybody should wait for a right to be withdrawn.
const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the serving certificate of the kubelet API comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServingCertificate {
    /// PEM files.
    Files {
        /// The chain, leaf first.
        certificate: Option<PathBuf>,
        /// The leaf's key.
        key: Option<PathBuf>,
    },
    /// The cluster signs it.
    Requested,
    /// The agent signs it itself.
    SelfSigned,
}

/// The client certificate that the API server knows the node by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ClientCertificateOptions {
    /// Kubeconfig that is good for nothing but asking for the first certificate.
    pub bootstrap_kubeconfig: Option<PathBuf>,
    /// Whether it is renewed in time.
    pub rotate: bool,
}

pub(super) fn serving(flags: &Flags, environment: &Environment) -> Result<ServingCertificate, UsageError> {
    let given = |flag: &Option<String>, variable| {
        super::path(flag.clone()).or_else(|| environment.non_empty(variable).map(PathBuf::from))
    };
    let certificate = given(&flags.tls_cert_file, "APISERVER_CERT_LOCATION");
    let key = given(&flags.tls_private_key_file, "APISERVER_KEY_LOCATION");
    let by_files = certificate.is_some() || key.is_some();
    let ways = [
        ("--rotate-server-certificates", flags.rotate_server_certificates, ServingCertificate::Requested),
        ("--self-signed-serving-certificate", flags.self_signed_serving_certificate, ServingCertificate::SelfSigned),
    ];
    let mut chosen: Option<(&str, ServingCertificate)> = None;
    for (setting, _, way) in ways.into_iter().filter(|(_, flag, _)| *flag == Some(true)) {
        if by_files {
            let message = "a serving certificate is given already (--tls-cert-file and --tls-private-key-file, or \
                           APISERVER_CERT_LOCATION and APISERVER_KEY_LOCATION): leave out one of the two";
            return Err(UsageError::new(setting, message));
        }
        if let Some((other, _)) = chosen {
            return Err(UsageError::new(
                setting,
                format!("there is one serving certificate: leave out this or {other}"),
            ));
        }
        chosen = Some((setting, way));
    }
    Ok(chosen.map_or(ServingCertificate::Files { certificate, key }, |(_, way)| way))
}

pub(super) fn client(flags: &Flags) -> Result<ClientCertificateOptions, UsageError> {
    let bootstrap_kubeconfig = super::path(flags.bootstrap_kubeconfig.clone());
    let kubeconfig = super::path(flags.kubeconfig.clone());
    if bootstrap_kubeconfig.is_some() && kubeconfig.is_none() {
        let message = "the kubeconfig that it leads to has to go somewhere: name a file with --kubeconfig";
        return Err(UsageError::new("--bootstrap-kubeconfig", message));
    }
    if bootstrap_kubeconfig.is_some() && bootstrap_kubeconfig == kubeconfig {
        let message = "it is the same file as --kubeconfig, which is to be written: name another one";
        return Err(UsageError::new("--bootstrap-kubeconfig", message));
    }
    let rotate = flags.rotate_certificates == Some(true);
    if rotate && kubeconfig.is_none() {
        let message = "it renews the client certificate of a kubeconfig: name the file with --kubeconfig";
        return Err(UsageError::new("--rotate-certificates", message));
    }
    Ok(ClientCertificateOptions { bootstrap_kubeconfig, rotate })
}

/// How long answers about clients are remembered.
pub(super) fn review_caching(flags: &Flags) -> Result<ReviewCaching, UsageError> {
    let mut caching = ReviewCaching::default();
    for (setting, given, place) in [
        ("--authentication-token-webhook-cache-ttl", flags.authentication_token_webhook_cache_ttl, &mut caching.tokens),
        (
            "--authorization-webhook-cache-authorized-ttl",
            flags.authorization_webhook_cache_authorized_ttl,
            &mut caching.authorization.authorized,
        ),
        (
            "--authorization-webhook-cache-unauthorized-ttl",
            flags.authorization_webhook_cache_unauthorized_ttl,
            &mut caching.authorization.unauthorized,
        ),
    ] {
        let Some(given) = given else { continue };
        if given > LONGEST_TTL {
            let message = "more than a day is too long to remember who may do what: give 24h or less, 0 for not at all";
            return Err(UsageError::new(setting, message));
        }
        *place = given;
    }
    Ok(caching)
}
