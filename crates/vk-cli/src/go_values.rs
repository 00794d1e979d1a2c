//! Values as Go's flag packages write them: durations (`time.ParseDuration`) and booleans (`strconv.ParseBool`).

use std::time::Duration;

/// Nanoseconds of each unit that Go knows, longest names first.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3600 * 1_000_000_000),
];

/// Reads a Go duration, as in `1m30s`, `1.5h`, `300ms` or `0`. Negative ones are refused: no flag of ours can use one.
///
/// # Errors
/// What is wrong and how to write it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("{text:?} is not a duration: write it as in \"30s\", \"1m30s\" or \"500ms\"");
    if text.starts_with('-') {
        return Err(format!("{text:?} is negative: write a duration of zero or more, as in \"30s\""));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let (amount, after_number) = decimal(rest).ok_or_else(invalid)?;
        let (unit, after_unit) = unit(after_number).ok_or_else(invalid)?;
        let part = amount.nanos(unit).ok_or_else(|| too_long(text))?;
        nanos = nanos.checked_add(part).filter(|nanos| *nanos <= i64::MAX as u64).ok_or_else(|| too_long(text))?;
        rest = after_unit;
    }
    Ok(Duration::from_nanos(nanos))
}

fn too_long(text: &str) -> String {
    format!("{text:?} is too long: Go durations end at about 292 years")
}

/// A decimal number, its two parts kept apart.
struct Decimal<'a> {
    whole: &'a str,
    fraction: &'a str,
}

impl Decimal<'_> {
    fn nanos(&self, unit: u64) -> Option<u64> {
        let whole: u64 = if self.whole.is_empty() { 0 } else { self.whole.parse().ok()? };
        let mut nanos = whole.checked_mul(unit)?;
        let mut scale = unit;
        // Digits that are worth less than a nanosecond are dropped, as Go does.
        for digit in self.fraction.bytes() {
            let value = u64::from(digit - b'0');
            nanos = nanos.checked_add(value * scale / 10)?;
            scale /= 10;
            if scale == 0 {
                break;
            }
        }
        Some(nanos)
    }
}

fn decimal(text: &str) -> Option<(Decimal<'_>, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    (!whole.is_empty() || !fraction.is_empty()).then_some((Decimal { whole, fraction }, rest))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    UNITS.iter().find(|(known, _)| *known == name).map(|(_, nanos)| (*nanos, rest))
}

/// Reads a Go boolean, as in `true`, `F` or `1`.
///
/// # Errors
/// What is wrong and how to write it.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{text:?} is neither \"true\" nor \"false\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("0", 0),
            ("+5s", 5_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("1h1.5m", 3_690_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("3us2ns", 3_002),
            ("3µs", 3_000),
            ("3μs", 3_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("100000000ns", 100_000_000),
        ];
        for (text, nanos) in cases {
            let read = duration(text).unwrap();
            // The long fraction loses less than a microsecond to integer division.
            assert!(read.as_nanos().abs_diff(nanos) < 1_000, "{text}: {read:?}");
        }
        assert_eq!(duration("2540400h10m10s").map(|read| read.as_secs()), Ok(9_145_440_610));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in ["", "3", "-", "s", ".", ".s", "+.s", "1d", "3000000h", "9223372036854775808ns", "1m 30s", "1m30"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration("-5s").unwrap_err().contains("negative"));
        assert!(duration("ten").unwrap_err().contains("1m30s"));
    }

    #[test]
    fn booleans_are_read_as_go_reads_them() {
        assert_eq!(["1", "T", "True"].map(boolean), [Ok(true), Ok(true), Ok(true)]);
        assert_eq!(["0", "f", "FALSE"].map(boolean), [Ok(false), Ok(false), Ok(false)]);
        assert!(boolean("yes").is_err() && boolean("").is_err());
    }
}
