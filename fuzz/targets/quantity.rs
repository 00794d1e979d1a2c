//! Amounts of resources: what was read can be written, and read again as the same.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vk_core::quantity::Quantity;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    one: &'a str,
    other: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    let Some(one) = check(input.one) else { return };
    let Some(other) = check(input.other) else { return };
    assert_eq!(one + other, other + one);
    let (less, more) = if one <= other { (one, other) } else { (other, one) };
    assert!(less.value() <= more.value() && less.milli_value() <= more.milli_value());
});

fn check(text: &str) -> Option<Quantity> {
    let quantity: Quantity = text.parse().ok()?;
    let canonical = quantity.to_string();
    // The value, not the form: as for an API server, "15.625Ki" becomes "16000", and that is "16k".
    assert_eq!(canonical.parse(), Ok(quantity), "{text:?} became {canonical:?}");
    Some(quantity)
}
