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
    let sum = one + other;
    assert_eq!(sum, other + one);
    drop((sum.value(), sum.milli_value(), one.cmp(&other)));
});

fn check(text: &str) -> Option<Quantity> {
    let quantity: Quantity = text.parse().ok()?;
    let canonical = quantity.to_string();
    assert_eq!(canonical.parse(), Ok(quantity), "{text:?} became {canonical:?}");
    assert_eq!(canonical.parse::<Quantity>().expect("as above").to_string(), canonical, "{text:?}");
    Some(quantity)
}
