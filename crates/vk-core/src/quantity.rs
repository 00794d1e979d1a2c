//! Exact arithmetic on amounts of resources: `resource.Quantity` of the Kubernetes API.
//!
//! The API writes amounts as text with a suffix (`1500m`, `64Mi`, `1e3`). [`Quantity`] reads all of its forms, computes
//! without loss, and writes the canonical form that the API server would write.
//! See <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.

mod format;
mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

const NANO_PER_UNIT: i128 = 1_000_000_000;
const NANO_PER_MILLI: i128 = 1_000_000;

/// An amount of a resource: exact to a billionth, up to about 10²⁹ in magnitude.
///
/// Two amounts are equal if their values are, however they are written.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

/// The family of suffixes that a [`Quantity`] is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Powers of 1000: `n u m k M G T P E`.
    DecimalSi,
    /// Powers of 1024: `Ki Mi Gi Ti Pi Ei`.
    BinarySi,
    /// `e` and an exponent that is a multiple of three.
    DecimalExponent,
}

/// Why a text is no [`Quantity`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// Not a number followed by a suffix.
    #[error("{0:?} is not a quantity: write a number and a suffix, as in 250m, 1.5 or 64Mi")]
    Malformed(String),
    /// The number is followed by something that is no suffix.
    #[error("{text:?} is not a quantity: {suffix:?} is none of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent")]
    UnknownSuffix {
        /// The whole text.
        text: String,
        /// What follows the number.
        suffix: String,
    },
    /// The number is beyond what can be computed with.
    #[error("{0:?} is too large for a quantity")]
    TooLarge(String),
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { nano: 0, format: Format::DecimalSi };

    /// So many units.
    pub fn from_integer(value: i64, format: Format) -> Self {
        Self { nano: i128::from(value) * NANO_PER_UNIT, format }
    }

    /// So many thousandths of a unit.
    pub fn from_milli(value: i64, format: Format) -> Self {
        Self { nano: i128::from(value) * NANO_PER_MILLI, format }
    }

    /// The suffixes that it is written with, where they can express it.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.nano == 0
    }

    /// Whole units, rounded away from zero; saturates.
    pub fn value(&self) -> i64 {
        saturate(divide_away_from_zero(self.nano, NANO_PER_UNIT))
    }

    /// Thousandths of a unit, rounded away from zero; saturates.
    pub fn milli_value(&self) -> i64 {
        saturate(divide_away_from_zero(self.nano, NANO_PER_MILLI))
    }
}

fn divide_away_from_zero(dividend: i128, divisor: i128) -> i128 {
    let quotient = dividend / divisor;
    if dividend % divisor == 0 { quotient } else { quotient + dividend.signum() }
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nano.hash(state);
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Self::ZERO
    }
}

/// The sum is written as the first summand is, or as the second if the first is nothing. Saturates.
impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { nano: self.nano.saturating_add(other.nano), format }
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(summands: I) -> Self {
        summands.fold(Self::ZERO, Self::add)
    }
}

impl TryFrom<&ApiQuantity> for Quantity {
    type Error = QuantityError;

    fn try_from(quantity: &ApiQuantity) -> Result<Self, QuantityError> {
        quantity.0.trim().parse()
    }
}

impl From<Quantity> for ApiQuantity {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.to_string())
    }
}
