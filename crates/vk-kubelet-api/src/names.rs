//! Names that come in by URL are checked before anything is looked up or handed to a provider.

/// What a path segment names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Namespace,
    Pod,
    Container,
}

/// A path segment that cannot be such a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} name \"{shown}\": {rule}")]
pub(crate) struct InvalidName {
    what: &'static str,
    shown: String,
    rule: &'static str,
}

const LABEL_BYTES: usize = 63;
const SUBDOMAIN_BYTES: usize = 253;
/// How much of a wrong name an error shows.
const SHOWN_CHARS: usize = 64;

impl Name {
    /// Checks by the rules of the API: namespaces and containers are DNS labels, pods DNS subdomains (RFC 1123).
    pub(crate) fn check(self, name: &str) -> Result<(), InvalidName> {
        let (what, valid, rule) = match self {
            Self::Namespace => ("namespace", is_label(name), "must be a DNS label (RFC 1123)"),
            Self::Pod => ("pod", is_subdomain(name), "must be a DNS subdomain (RFC 1123)"),
            Self::Container => ("container", is_label(name), "must be a DNS label (RFC 1123)"),
        };
        if valid {
            return Ok(());
        }
        let shown = name.chars().take(SHOWN_CHARS).flat_map(char::escape_default).collect();
        Err(InvalidName { what, shown, rule })
    }
}

fn is_label(name: &str) -> bool {
    name.len() <= LABEL_BYTES && is_label_of_any_length(name)
}

fn is_subdomain(name: &str) -> bool {
    name.len() <= SUBDOMAIN_BYTES && name.split('.').all(is_label_of_any_length)
}

fn is_label_of_any_length(name: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_the_api_pass() {
        assert!(Name::Namespace.check("kube-system").is_ok());
        assert!(Name::Pod.check("web-0.shard.example").is_ok());
        assert!(Name::Pod.check(&"a".repeat(253)).is_ok());
        assert!(Name::Container.check(&"a".repeat(63)).is_ok());
    }

    #[test]
    fn anything_that_could_leave_a_directory_or_a_line_is_refused() {
        for name in ["", ".", "..", "../etc", "a/b", "a\\b", "a\0", "a\nb", "A", "-a", "a-", "a..b", "ä", "a b", "a%2e"]
        {
            for what in [Name::Namespace, Name::Pod, Name::Container] {
                assert!(what.check(name).is_err(), "{what:?} {name:?}");
            }
        }
        assert!(Name::Container.check(&"a".repeat(64)).is_err());
        assert!(Name::Pod.check(&"a".repeat(254)).is_err());
    }

    #[test]
    fn the_error_shows_the_name_harmlessly() {
        let error = Name::Pod.check("a\r\nSet-Cookie: x").unwrap_err();
        assert_eq!(error.to_string(), r#"invalid pod name "a\r\nSet-Cookie: x": must be a DNS subdomain (RFC 1123)"#);
    }

    proptest! {
        #[test]
        fn what_passes_is_a_single_path_segment(name in ".{0,80}") {
            if Name::Pod.check(&name).is_ok() {
                prop_assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')));
                prop_assert!(!name.contains("..") && !name.starts_with('.') && !name.ends_with('.'));
            }
        }
    }
}
