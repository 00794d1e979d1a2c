//! Whether two quantities are the same amount. The API server rewrites what it is sent (`1000m` becomes `1`), so that
//! comparing text would find a difference for ever.

/// Whether both texts mean the same amount. Texts that are no quantities are the same only if they are equal.
pub(super) fn same_amount(left: &str, right: &str) -> bool {
    left == right || matches!((nanos(left), nanos(right)), (Some(left), Some(right)) if left == right)
}

/// The amount in units of 10^-9, which is the finest that the API server keeps. `None` if the text is no quantity or too
/// large to be one of a Node's.
fn nanos(text: &str) -> Option<i128> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let decimals = u32::try_from(fraction.len()).ok()?;
    let scaled = digits.checked_mul(multiplier(suffix)?)?;
    let divisor = 10_i128.checked_pow(decimals)?;
    // What is finer than the finest unit is rounded up, as the API server does.
    let magnitude = scaled.checked_add(divisor - 1)? / divisor;
    Some(if negative { -magnitude } else { magnitude })
}

fn multiplier(suffix: &str) -> Option<i128> {
    const NANO: i128 = 1_000_000_000;
    let binary = |power: u32| Some(NANO << (10 * power));
    let decimal = |power: u32| NANO.checked_mul(10_i128.checked_pow(power)?);
    match suffix {
        "n" => Some(1),
        "u" => Some(1_000),
        "m" => Some(1_000_000),
        "" => Some(NANO),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let shift = exponent.checked_add(9)?;
            10_i128.checked_pow(u32::try_from(shift).ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_amounts_are_recognised_however_they_are_written() {
        for (left, right) in [
            ("1000m", "1"),
            ("1024Mi", "1Gi"),
            ("100G", "1e11"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("+2", "2"),
            ("20", "20.0"),
            ("-1", "-1000m"),
            (".5", "500m"),
            ("1E", "1e18"),
        ] {
            assert!(same_amount(left, right), "{left} {right}");
        }
    }

    #[test]
    fn different_amounts_are_told_apart() {
        for (left, right) in [("1", "2"), ("1k", "1Ki"), ("1", "-1"), ("1", ""), ("x", "1"), ("1m", "1M")] {
            assert!(!same_amount(left, right), "{left} {right}");
        }
    }

    #[test]
    fn text_that_is_no_quantity_is_compared_as_text() {
        assert!(same_amount("many", "many"));
        assert!(!same_amount("many", "few"));
        assert!(!same_amount("1e40", "1e41"));
    }
}
