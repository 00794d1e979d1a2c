use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Quantity {
    text.parse().unwrap()
}

/// What `k8s.io/apimachinery` 0.36 writes for what it reads.
#[test]
fn texts_become_canonical() {
    for (text, canonical) in [
        ("0", "0"),
        ("0.0Ki", "0"),
        ("-0", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("007", "7"),
        (".5", "500m"),
        ("1.", "1"),
        ("1.5", "1500m"),
        ("0.1m", "100u"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("100m", "100m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("2000", "2k"),
        ("1024", "1024"),
        ("123456789", "123456789"),
        ("1000000", "1M"),
        ("12e6", "12e6"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("1e2", "100"),
        ("1e-3", "1e-3"),
        ("15e-4", "1500e-6"),
        ("1E", "1E"),
        ("5P", "5P"),
        ("9223372036854775807", "9223372036854775807"),
        ("100E", "100E"),
        ("1Ki", "1Ki"),
        ("0.5Ki", "512"),
        ("1.5Ki", "1536"),
        ("1023Ki", "1023Ki"),
        ("1024Ki", "1Mi"),
        ("1.5Gi", "1536Mi"),
        ("0.1Ki", "102400m"),
        ("1.0005Ki", "1024512m"),
        ("0.0001Ki", "102400u"),
        ("-1.5Gi", "-1536Mi"),
        ("1Ei", "1Ei"),
        ("8Ei", "9223372036854775807"),
        ("100Ei", "9223372036854775807"),
        ("7.99999999999999999999Ei", "9223372036854775807"),
    ] {
        assert_eq!(parse(text).to_string(), canonical, "{text}");
    }
}

#[test]
fn small_binary_amounts_are_written_in_decimal() {
    assert_eq!(Quantity::from_integer(1000, Format::BinarySi).to_string(), "1k");
    assert_eq!(Quantity::from_integer(-1000, Format::BinarySi).to_string(), "-1k");
    assert_eq!(Quantity::from_integer(1024, Format::BinarySi).to_string(), "1Ki");
    assert_eq!(parse("0.0005Ki").format(), Format::DecimalSi);
    assert_eq!(parse("0.001Ki").format(), Format::BinarySi);
}

#[test]
fn what_is_no_quantity_is_refused_with_a_reason() {
    for text in ["", " ", "abc", "-", "+", ".", "1 ", " 1", "1 Gi", "--1", "1,5", "1..5", "١"] {
        assert!(matches!(text.parse::<Quantity>(), Err(QuantityError::Malformed(_))), "{text:?}");
    }
    for text in ["1K", "1ki", "1mi", "1g", "1kk", "1e", "1e3m", "1Gib", "1eE3", "1e99999999999999999999"] {
        assert!(matches!(text.parse::<Quantity>(), Err(QuantityError::UnknownSuffix { .. })), "{text:?}");
    }
    for text in ["1e30", "1e2147483647", "1000000000000E", "99999999999999999999999999999999999999999999"] {
        assert!(matches!(text.parse::<Quantity>(), Err(QuantityError::TooLarge(_))), "{text:?}");
    }
    assert_eq!(parse("1e-2147483648").to_string(), "1e-9");
}

#[test]
fn whole_and_thousandth_units_are_rounded_up() {
    for (text, value, milli) in [
        ("0", 0, 0),
        ("1", 1, 1000),
        ("1m", 1, 1),
        ("1u", 1, 1),
        ("1001m", 2, 1001),
        ("1.0001", 2, 1001),
        ("-1.5", -2, -1500),
        ("1Ki", 1024, 1_024_000),
        ("8Ei", i64::MAX, i64::MAX),
        ("-100E", i64::MIN, i64::MIN),
    ] {
        assert_eq!((parse(text).value(), parse(text).milli_value()), (value, milli), "{text}");
    }
}

#[test]
fn a_sum_is_written_as_its_first_summand() {
    assert_eq!((parse("100m") + parse("900m")).to_string(), "1");
    assert_eq!((parse("1Gi") + parse("512Mi")).to_string(), "1536Mi");
    assert_eq!((parse("1Gi") + parse("1M")).to_string(), "1074741824");
    assert_eq!((parse("0") + parse("1Gi")).to_string(), "1Gi");
    assert_eq!(["1", "500m", "1e3"].into_iter().map(parse).sum::<Quantity>().to_string(), "1001500m");
    assert_eq!([].into_iter().sum::<Quantity>().to_string(), "0");
}

#[test]
fn equality_does_not_depend_on_the_suffix() {
    assert_eq!(parse("1Ki"), parse("1024"));
    assert_eq!(parse("1e3"), parse("1k"));
    assert!(parse("999m") < parse("1") && parse("1G") < parse("1Gi"));
}

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![Format::DecimalSi, Format::BinarySi, Format::DecimalExponent])
}

fn any_quantity() -> impl Strategy<Value = Quantity> {
    let decimal = (any::<i64>(), -9i32..=9).prop_map(|(mantissa, power)| format!("{mantissa}e{power}"));
    let suffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let suffixed = (any::<i32>(), 0..1000u32, prop::sample::select(suffixes.to_vec()))
        .prop_map(|(integer, fraction, suffix)| format!("{integer}.{fraction:03}{suffix}"));
    prop_oneof![decimal, suffixed].prop_map(|text| parse(&text))
}

proptest! {
    #[test]
    fn writing_and_reading_loses_nothing(quantity in any_quantity(), format in any_format()) {
        let beyond_the_cap_of_binary_amounts = quantity.nano.abs() > i128::from(i64::MAX) * NANO_PER_UNIT;
        prop_assume!(format != Format::BinarySi || !beyond_the_cap_of_binary_amounts);
        let written = Quantity { format, ..quantity }.to_string();
        prop_assert_eq!(parse(&written), quantity);
        prop_assert_eq!(Quantity { format, ..parse(&written) }.to_string(), written);
    }

    #[test]
    fn canonical_text_has_no_fraction_and_no_spare_thousands(quantity in any_quantity(), format in any_format()) {
        let written = Quantity { format, ..quantity }.to_string();
        prop_assert!(!written.contains('.'));
        let largest = ['E', 'i'].iter().any(|suffix| written.contains(*suffix));
        let spare = written.trim_end_matches(|c: char| !c.is_ascii_digit()).ends_with("000");
        prop_assert!(largest || !spare || format != Format::DecimalSi, "{}", written);
    }

    #[test]
    fn reading_takes_any_text_without_panic(text in "[-+.0-9eEinumkMGTPK]{0,40}") {
        if let Ok(quantity) = text.parse::<Quantity>() {
            prop_assert_eq!(parse(&quantity.to_string()), quantity);
        }
    }

    #[test]
    fn addition_is_exact_and_commutes(a in any::<i32>(), b in any::<i32>(), format in any_format()) {
        let (left, right) = (Quantity::from_milli(a.into(), format), Quantity::from_milli(b.into(), format));
        prop_assert_eq!((left + right).milli_value(), i64::from(a) + i64::from(b));
        prop_assert_eq!(left + right, right + left);
    }

    #[test]
    fn whole_units_are_never_below_the_amount(quantity in any_quantity()) {
        let whole = Quantity::from_integer(quantity.value(), Format::DecimalSi);
        let saturated = [i64::MIN, i64::MAX].contains(&quantity.value());
        let nearby = (whole.nano - quantity.nano).abs() < NANO_PER_UNIT;
        prop_assert!(saturated || (nearby && whole.nano.abs() >= quantity.nano.abs()));
    }
}
