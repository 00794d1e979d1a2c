//! Names, label keys and label values (Kubernetes documentation, "Object Names and IDs" and "Labels and Selectors").

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// Why `name` is no DNS-1123 subdomain; `None` if it is one.
pub(crate) fn name_is_dns_subdomain(name: &str) -> Option<String> {
    if name.len() > 253 {
        return Some("must be no more than 253 bytes".into());
    }
    (!name.split('.').all(is_dns_label)).then(|| SUBDOMAIN.into())
}

/// Why `name` is no DNS-1123 label; `None` if it is one.
pub(crate) fn name_is_dns_label(name: &str) -> Option<String> {
    if name.len() > 63 {
        return Some("must be no more than 63 bytes".into());
    }
    (!is_dns_label(name)).then(|| LABEL.into())
}

/// Why `key` is no qualified name such as a label key; `None` if it is one.
pub(crate) fn qualified_name_error(key: &str) -> Option<String> {
    let (prefix, name) = match key.rsplit_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            return Some("prefix part must be non-empty".into());
        }
        if let Some(error) = name_is_dns_subdomain(prefix) {
            return Some(format!("prefix part {error}"));
        }
    }
    if name.is_empty() {
        return Some("name part must be non-empty".into());
    }
    if name.len() > 63 {
        return Some("name part must be no more than 63 bytes".into());
    }
    (!is_loose_name(name)).then(|| NAME_PART.into())
}

/// Why `value` is no label value; `None` if it is one.
pub(crate) fn label_value_error(value: &str) -> Option<String> {
    if value.len() > 63 {
        return Some("must be no more than 63 bytes".into());
    }
    (!value.is_empty() && !is_loose_name(value)).then(|| LABEL_VALUE.into())
}

fn is_dns_label(label: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    edges_and_middle(label, alphanumeric, |byte| alphanumeric(byte) || byte == b'-')
}

fn is_loose_name(name: &str) -> bool {
    edges_and_middle(
        name,
        |byte| byte.is_ascii_alphanumeric(),
        |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
    )
}

fn edges_and_middle(text: &str, edge: impl Fn(u8) -> bool, middle: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|byte| byte.is_some_and(|byte| edge(*byte))) && bytes.iter().all(|byte| middle(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subdomains_and_labels() {
        for good in ["a", "a-b.c0", "0"] {
            assert_eq!(name_is_dns_subdomain(good), None, "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a..b", ".a"] {
            assert!(name_is_dns_subdomain(bad).is_some(), "{bad}");
        }
        assert!(name_is_dns_label("a.b").is_some());
        assert!(name_is_dns_label(&"a".repeat(64)).is_some());
    }

    #[test]
    fn label_keys_and_values() {
        for good in ["app", "kubernetes.io/os", "A_b.c"] {
            assert_eq!(qualified_name_error(good), None, "{good}");
        }
        for bad in ["", "/a", "a/", "Up.per/a", "a b", "-a"] {
            assert!(qualified_name_error(bad).is_some(), "{bad}");
        }
        assert_eq!(label_value_error(""), None);
        assert!(label_value_error("-x").is_some());
        assert!(label_value_error(&"x".repeat(64)).is_some());
    }
}
