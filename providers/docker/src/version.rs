//! The version of Docker's API that both sides speak.

use std::fmt;
use std::str::FromStr;

use bollard::API_DEFAULT_VERSION;
use bollard::models::SystemVersion;

/// The oldest version with everything that is needed: that of Docker 20.10.
const OLDEST: ApiVersion = ApiVersion { major: 1, minor: 41 };

/// A version of Docker's API, as in `1.41`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion {
    major: usize,
    minor: usize,
}

impl ApiVersion {
    /// The newest version that this program speaks.
    fn newest() -> Self {
        Self { major: API_DEFAULT_VERSION.major_version, minor: API_DEFAULT_VERSION.minor_version }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor) = text.split_once('.').ok_or(())?;
        Ok(Self { major: major.parse().map_err(drop)?, minor: minor.parse().map_err(drop)? })
    }
}

/// Why no version could be agreed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VersionError {
    #[error(
        "Docker {engine} speaks its API up to version {found}, and {OLDEST} is needed: upgrade it to Docker 20.10 or newer"
    )]
    TooOld { engine: String, found: ApiVersion },
    #[error(
        "Docker {engine} speaks its API from version {found} on, and this program up to {newest}: upgrade virtual-kubelet, \
         or set the engine's DOCKER_MIN_API_VERSION to {newest} or less",
        newest = ApiVersion::newest()
    )]
    TooNew { engine: String, found: ApiVersion },
    #[error("what answers names no version of Docker's API ({said:?}), and {OLDEST} or newer is needed: is it Docker?")]
    Unnamed { said: String },
}

/// The newest version that both sides speak.
pub(crate) fn agree(engine: &SystemVersion) -> Result<ApiVersion, VersionError> {
    let read = |text: &Option<String>| text.as_deref().unwrap_or_default().parse::<ApiVersion>();
    let name = || engine.version.clone().unwrap_or_default();
    let said = || engine.api_version.clone().unwrap_or_default();
    let highest = read(&engine.api_version).map_err(|()| VersionError::Unnamed { said: said() })?;
    if highest < OLDEST {
        return Err(VersionError::TooOld { engine: name(), found: highest });
    }
    // An engine that does not say where it begins speaks everything up to its newest version.
    match read(&engine.min_api_version) {
        Ok(lowest) if lowest > ApiVersion::newest() => Err(VersionError::TooNew { engine: name(), found: lowest }),
        _ => Ok(highest.min(ApiVersion::newest())),
    }
}

/// Puts the version in front of a request's path. The client leaves it out, and Docker would then speak its newest.
pub(crate) fn name_in(uri: &mut http::Uri, version: ApiVersion) {
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut parts = http::uri::Parts::default();
    parts.scheme = uri.scheme().cloned();
    parts.authority = uri.authority().cloned();
    parts.path_and_query = format!("/v{version}{path}").parse().ok();
    if let Ok(versioned) = http::Uri::from_parts(parts) {
        *uri = versioned;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(api: Option<&str>, min: Option<&str>) -> Result<String, VersionError> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let engine = SystemVersion {
            version: Some("9.9".to_owned()),
            api_version: text(api),
            min_api_version: text(min),
            ..SystemVersion::default()
        };
        agree(&engine).map(|version| version.to_string())
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(agreed(Some("1.41"), Some("1.12")).unwrap(), "1.41");
        assert_eq!(agreed(Some("1.44"), None).unwrap(), "1.44");
        assert!(matches!(agreed(Some("1.5"), None), Err(VersionError::TooOld { .. })));
        assert!(matches!(agreed(Some("0.99"), None), Err(VersionError::TooOld { .. })));
    }

    #[test]
    fn an_engine_that_is_ahead_is_spoken_to_in_our_version() {
        let newest = ApiVersion::newest().to_string();
        assert_eq!(agreed(Some("1.999"), Some("1.44")).unwrap(), newest);
        assert_eq!(agreed(Some("2.0"), Some(&newest)).unwrap(), newest);
        let error = agreed(Some("1.1001"), Some("1.1000")).unwrap_err().to_string();
        assert!(error.contains("1.1000") && error.contains("upgrade virtual-kubelet"), "{error}");
    }

    #[test]
    fn what_names_no_version_is_not_docker() {
        for said in [None, Some(""), Some("latest"), Some("1"), Some("1.x")] {
            assert!(matches!(agreed(said, None), Err(VersionError::Unnamed { .. })), "{said:?}");
        }
    }

    #[test]
    fn a_request_keeps_its_socket_and_its_query() {
        let mut uri: http::Uri = "unix://2f72756e/containers/json?all=true".parse().unwrap();
        name_in(&mut uri, OLDEST);
        assert_eq!(uri, "unix://2f72756e/v1.41/containers/json?all=true");
    }
}
