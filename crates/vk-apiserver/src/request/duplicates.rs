//! Fields that stand twice in one JSON object: strict field validation refuses them.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The paths of fields that stand more than once. A document that is no JSON has none.
pub(crate) fn duplicate_fields(document: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let read = At { path: String::new(), found: &mut found }.deserialize(&mut deserializer);
    if read.is_ok() { found } else { Vec::new() }
}

/// A value at a path.
struct At<'found> {
    path: String,
    found: &'found mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(field) = map.next_key::<String>()? {
            let path = if self.path.is_empty() { field.clone() } else { format!("{}.{field}", self.path) };
            if !seen.insert(field) {
                self.found.push(path.clone());
            }
            map.next_value_seed(At { path, found: self.found })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        while items.next_element_seed(At { path: format!("{}[{index}]", self.path), found: self.found })?.is_some() {
            index += 1;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_stand_twice_are_named_by_their_path() {
        assert_eq!(
            duplicate_fields(br#"{"a": {"b": 1, "b": 2}, "c": [{"d": 1, "d": "x"}], "a": null}"#),
            ["a.b", "c[0].d", "a"]
        );
        assert_eq!(duplicate_fields(br#"{"a": {"b": 1}, "c": {"b": 1.5}}"#), Vec::<String>::new());
    }
}
