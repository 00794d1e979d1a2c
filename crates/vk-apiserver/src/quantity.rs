//! Resource quantities such as `100m` and `1Gi` (`apimachinery/pkg/api/resource/quantity.go`).

/// What no quantity is.
pub(crate) const SHAPE: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// What one stands for, in billionths.
const ONE: i128 = 1_000_000_000;

/// An amount, exact to a billionth; smaller parts are rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity {
    billionths: i128,
}

impl Quantity {
    pub(crate) const ZERO: Self = Self { billionths: 0 };

    /// Reads an amount; `None` if the text is none, or is more than can be counted.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(text.len());
        let (number, suffix) = text.split_at_checked(digits)?;
        let (negative, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let (factor, divisor) = scale(suffix)?;
        let mantissa: i128 = format!("0{whole}{fraction}").parse().ok()?;
        let scaled = mantissa.checked_mul(factor)?.checked_mul(ONE)?;
        let divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?.checked_mul(divisor)?;
        let rounded_up = scaled.div_euclid(divisor) + i128::from(scaled.rem_euclid(divisor) != 0);
        Some(Self { billionths: if negative { -rounded_up } else { rounded_up } })
    }

    pub(crate) fn is_whole(self) -> bool {
        self.billionths % ONE == 0
    }

    pub(crate) fn is_negative(self) -> bool {
        self.billionths < 0
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { billionths: self.billionths.saturating_add(other.billionths) }
    }
}

/// An amount as the API server writes it: without a fraction, and with the largest suffix that allows this. `None` if
/// the text is no quantity.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let amount = Quantity::parse(text)?.billionths;
    let suffix = text.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let whole = amount / ONE;
    if amount == 0 {
        return Some("0".into());
    }
    if suffix.ends_with('i') && amount % ONE == 0 && whole.abs() >= 1024 {
        return Some(shortened(whole, 1024, &["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]));
    }
    if suffix.starts_with(['e', 'E']) && suffix.len() > 1 {
        return Some(shortened(amount, 1000, &["e-9", "e-6", "e-3", "", "e3", "e6", "e9", "e12", "e15", "e18"]));
    }
    Some(shortened(amount, 1000, &["n", "u", "m", "", "k", "M", "G", "T", "P", "E"]))
}

/// Divides as long as nothing is left, and tells by the suffix how often.
fn shortened(mut amount: i128, base: i128, suffixes: &[&str]) -> String {
    let mut suffixes = suffixes.iter();
    let mut suffix = suffixes.next();
    while amount % base == 0 {
        let Some(larger) = suffixes.next() else { break };
        amount /= base;
        suffix = Some(larger);
    }
    format!("{amount}{}", suffix.unwrap_or(&""))
}

/// By what a suffix multiplies and divides.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    let thousands = |power: u32| 1000_i128.pow(power);
    let kibis = |power: u32| 1024_i128.pow(power);
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, thousands(3)),
        "u" => (1, thousands(2)),
        "m" => (1, thousands(1)),
        "k" => (thousands(1), 1),
        "M" => (thousands(2), 1),
        "G" => (thousands(3), 1),
        "T" => (thousands(4), 1),
        "P" => (thousands(5), 1),
        "E" => (thousands(6), 1),
        "Ki" => (kibis(1), 1),
        "Mi" => (kibis(2), 1),
        "Gi" => (kibis(3), 1),
        "Ti" => (kibis(4), 1),
        "Pi" => (kibis(5), 1),
        "Ei" => (kibis(6), 1),
        other => {
            let exponent: i32 = other.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
            if exponent < 0 { (1, power) } else { (power, 1) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_and_decimals() {
        for (left, right) in [
            ("1", "1000m"),
            ("0.5", "500m"),
            ("1Gi", "1024Mi"),
            ("1k", "1e3"),
            ("2.5Ki", "2560"),
            (".5", "5e-1"),
            ("+1", "1"),
        ] {
            assert_eq!(Quantity::parse(left), Quantity::parse(right), "{left} and {right}");
        }
        assert!(Quantity::parse("100m") < Quantity::parse("0.2"));
        assert!(Quantity::parse("-1").is_some_and(Quantity::is_negative));
        assert_eq!(Quantity::parse("1.0000000001"), Quantity::parse("1000000001n"));
    }

    #[test]
    fn the_canonical_form_has_no_fraction_and_the_largest_suffix() {
        for (text, written) in [
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1024Mi", "1Gi"),
            ("1500Ki", "1500Ki"),
            ("0.5Gi", "512Mi"),
            ("0.5Ki", "512"),
            ("1000", "1k"),
            ("1200k", "1200k"),
            ("1e3", "1e3"),
            ("100e-3", "100e-3"),
            ("0.000", "0"),
            ("-2000", "-2k"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity() {
        for text in ["", "many", "1x", "1.2.3", "--1", "1e", "m", "1 Gi", "9e99"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }
}
