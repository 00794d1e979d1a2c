//! The grammar of Kubernetes quantities, for messages about the configuration file.

const SUFFIXES: [&str; 15] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi"];

/// Whether the text is a quantity that a node can have: a number without a minus sign, with at most one suffix.
///
/// The grammar is that of `k8s.io/apimachinery/pkg/api/resource`.
pub(crate) fn is_quantity(text: &str) -> bool {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    digits > 0 && digits + 1 >= number.len() && (suffix == "Ei" || SUFFIXES.contains(&suffix) || is_exponent(suffix))
}

fn is_exponent(suffix: &str) -> bool {
    suffix.strip_prefix(['e', 'E']).is_some_and(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && digits.len() <= 3 && digits.bytes().all(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::is_quantity;

    #[test]
    fn quantities_of_the_api_are_known() {
        for good in ["0", "20", "500m", "100Gi", "1.5", "1.", ".5", "12E", "1e3", "12E6", "2Ei", "+3", "128974848"] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in ["", "many", "1.2.3", "-1", "10 Gi", "1gi", "Gi", ".", "1e", "1e+", "1kk"] {
            assert!(!is_quantity(bad), "{bad}");
        }
    }
}
