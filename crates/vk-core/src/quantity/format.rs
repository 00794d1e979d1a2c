//! The canonical form: no fraction, nothing lost, the largest suffix that fits.

use std::fmt;

use super::{Format, NANO_PER_UNIT, Quantity};

const DECIMAL_SUFFIXES: [(i32, &str); 10] =
    [(-9, "n"), (-6, "u"), (-3, "m"), (0, ""), (3, "k"), (6, "M"), (9, "G"), (12, "T"), (15, "P"), (18, "E")];

const BINARY_SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        match self.format {
            Format::BinarySi if self.is_written_in_binary() => self.write_binary(f),
            Format::BinarySi | Format::DecimalSi => {
                let (number, exponent) = self.mantissa(18);
                let suffix = DECIMAL_SUFFIXES.iter().find(|(power, _)| *power == exponent).map_or("", |(_, s)| s);
                write!(f, "{number}{suffix}")
            }
            Format::DecimalExponent => match self.mantissa(i32::MAX) {
                (number, 0) => write!(f, "{number}"),
                (number, exponent) => write!(f, "{number}e{exponent}"),
            },
        }
    }
}

impl Quantity {
    /// Below 1024, and where a fraction would be lost, binary suffixes give way to decimal ones.
    fn is_written_in_binary(&self) -> bool {
        self.nano % NANO_PER_UNIT == 0 && self.nano.abs() >= 1024 * NANO_PER_UNIT
    }

    fn write_binary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = self.nano / NANO_PER_UNIT;
        let mut suffixes = BINARY_SUFFIXES.iter();
        let mut suffix = suffixes.next().copied().unwrap_or_default();
        while number % 1024 == 0 {
            let Some(larger) = suffixes.next() else { break };
            number /= 1024;
            suffix = larger;
        }
        write!(f, "{number}{suffix}")
    }

    /// Number and power of ten, the power a multiple of three and at most `largest`.
    fn mantissa(&self, largest: i32) -> (i128, i32) {
        let (mut number, mut exponent) = (self.nano, -9);
        while number % 1000 == 0 && exponent < largest {
            number /= 1000;
            exponent += 3;
        }
        (number, exponent)
    }
}
