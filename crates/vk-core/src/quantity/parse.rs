//! Reads every form that the API accepts.

use std::str::FromStr;

use super::{Format, NANO_PER_UNIT, Quantity, QuantityError};

/// Fraction digits of a billionth.
const NANO_DIGITS: usize = 9;

impl FromStr for Quantity {
    type Err = QuantityError;

    /// Digits below a billionth are rounded away from zero; binary amounts are capped at 2⁶³−1.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let malformed = || QuantityError::Malformed(text.to_owned());
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (integer, rest) = split_digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        if integer.is_empty() && fraction.is_empty() {
            return Err(malformed());
        }
        let amount = match interpret(suffix) {
            Some(Suffix::Binary { power }) => Some(binary(integer, fraction, power)),
            Some(Suffix::Decimal { power } | Suffix::Exponent { power }) => decimal(integer, fraction, power),
            None if suffix.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-')) => {
                return Err(QuantityError::UnknownSuffix { text: text.to_owned(), suffix: suffix.to_owned() });
            }
            None => return Err(malformed()),
        };
        let nano = amount.ok_or_else(|| QuantityError::TooLarge(text.to_owned()))?;
        let format = match interpret(suffix) {
            Some(Suffix::Binary { .. }) if nano == 0 || nano >= NANO_PER_UNIT => Format::BinarySi,
            Some(Suffix::Exponent { .. }) => Format::DecimalExponent,
            _ => Format::DecimalSi,
        };
        Ok(Self { nano: if negative { -nano } else { nano }, format })
    }
}

enum Suffix {
    Decimal { power: i32 },
    Binary { power: u32 },
    Exponent { power: i32 },
}

fn interpret(suffix: &str) -> Option<Suffix> {
    Some(match suffix {
        "n" => Suffix::Decimal { power: -9 },
        "u" => Suffix::Decimal { power: -6 },
        "m" => Suffix::Decimal { power: -3 },
        "" => Suffix::Decimal { power: 0 },
        "k" => Suffix::Decimal { power: 3 },
        "M" => Suffix::Decimal { power: 6 },
        "G" => Suffix::Decimal { power: 9 },
        "T" => Suffix::Decimal { power: 12 },
        "P" => Suffix::Decimal { power: 15 },
        "E" => Suffix::Decimal { power: 18 },
        "Ki" => Suffix::Binary { power: 10 },
        "Mi" => Suffix::Binary { power: 20 },
        "Gi" => Suffix::Binary { power: 30 },
        "Ti" => Suffix::Binary { power: 40 },
        "Pi" => Suffix::Binary { power: 50 },
        "Ei" => Suffix::Binary { power: 60 },
        _ => Suffix::Exponent { power: suffix.strip_prefix(['e', 'E'])?.parse().ok()? },
    })
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn to_number(digits: impl Iterator<Item = u8>) -> Option<i128> {
    digits.into_iter().try_fold(0i128, |number, digit| number.checked_mul(10)?.checked_add(i128::from(digit)))
}

fn digits(text: &str) -> impl DoubleEndedIterator<Item = u8> + '_ {
    text.bytes().map(|byte| byte - b'0')
}

/// Billionths in `integer.fraction` times a power of ten; `None` if there are too many.
fn decimal(integer: &str, fraction: &str, power: i32) -> Option<i128> {
    let all: Vec<u8> = digits(integer).chain(digits(fraction)).skip_while(|digit| *digit == 0).collect();
    if all.is_empty() {
        return Some(0);
    }
    // How many of the digits stand before the billionths' point; the rest is rounded up.
    let kept = all.len() as i64 - fraction.len() as i64 + i64::from(power) + NANO_DIGITS as i64;
    let kept = usize::try_from(kept.max(0)).ok()?;
    let rounded_up = all.iter().skip(kept).any(|digit| *digit != 0);
    let number = to_number(all.iter().copied().take(kept))?;
    let zeros = u32::try_from(kept.saturating_sub(all.len())).ok()?;
    let scaled = 10i128.checked_pow(zeros).and_then(|scale| number.checked_mul(scale))?;
    scaled.checked_add(i128::from(rounded_up))
}

/// Billionths in `integer.fraction` times a power of two, capped.
fn binary(integer: &str, fraction: &str, power: u32) -> i128 {
    let cap = i128::from(i64::MAX) * NANO_PER_UNIT;
    let (carried, below) = double(digits(fraction).collect(), power);
    let nano = || -> Option<i128> {
        let units = to_number(digits(integer))?.checked_mul(1i128 << power)?.checked_add(carried)?;
        let kept = to_number(below.iter().copied().chain(std::iter::repeat(0)).take(NANO_DIGITS))?;
        let rounded_up = below.iter().skip(NANO_DIGITS).any(|digit| *digit != 0);
        units.checked_mul(NANO_PER_UNIT)?.checked_add(kept)?.checked_add(i128::from(rounded_up))
    };
    nano().map_or(cap, |nano| nano.min(cap))
}

/// Doubles a decimal fraction `times` times: what came to stand before the point, and the digits behind it.
fn double(mut fraction: Vec<u8>, times: u32) -> (i128, Vec<u8>) {
    let mut whole = 0i128;
    for _ in 0..times {
        let mut carry = 0;
        for digit in fraction.iter_mut().rev() {
            let doubled = *digit * 2 + carry;
            *digit = doubled % 10;
            carry = doubled / 10;
        }
        whole = whole * 2 + i128::from(carry);
    }
    (whole, fraction)
}
