//! Writes families of samples that carry the time of their measurement.

use std::fmt::Write;

use jiff::Timestamp;

use super::ExpositionFormat;

/// What the value of a family means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

/// What all samples of one name have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Family {
    /// As samples are named; that of a counter ends in `_total`.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
}

/// A document that is being written.
pub(crate) struct Writer {
    format: ExpositionFormat,
    text: String,
}

impl Writer {
    pub(crate) fn new(format: ExpositionFormat) -> Self {
        Self { format, text: String::new() }
    }

    /// Writes a family with its samples, unless there are none.
    pub(crate) fn family<'a, S>(&mut self, family: Family, samples: S)
    where
        S: IntoIterator<Item = (Vec<(&'static str, &'a str)>, f64, Option<Timestamp>)>,
    {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let name = match (self.format, family.kind) {
            (ExpositionFormat::OpenMetrics, Kind::Counter) => family.name.trim_end_matches("_total"),
            _ => family.name,
        };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
        for (labels, value, time) in samples {
            self.sample(family.name, &labels, value, time);
        }
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64, time: Option<Timestamp>) {
        self.text.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            self.text.extend([if index == 0 { "{" } else { "," }, label, "=\""]);
            escape(value, &mut self.text);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = write!(self.text, " {value}");
        if let Some(time) = time {
            let millis = time.as_millisecond();
            let _ = match self.format {
                ExpositionFormat::Text => write!(self.text, " {millis}"),
                ExpositionFormat::OpenMetrics => {
                    write!(self.text, " {}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
                }
            };
        }
        self.text.push('\n');
    }

    /// The whole document.
    pub(crate) fn finish(mut self) -> String {
        if self.format == ExpositionFormat::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

fn escape(value: &str, into: &mut String) {
    for letter in value.chars() {
        match letter {
            '\\' => into.push_str("\\\\"),
            '"' => into.push_str("\\\""),
            '\n' => into.push_str("\\n"),
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: Family = Family { name: "used_seconds_total", help: "Time used.", kind: Kind::Counter };
    const NOTHING: Family = Family { name: "nothing", help: "No samples.", kind: Kind::Gauge };

    fn written(format: ExpositionFormat) -> String {
        let time = Timestamp::from_millisecond(1_700_000_000_070).unwrap();
        let mut writer = Writer::new(format);
        let samples = [(vec![("a", "x\"y\\\n"), ("b", "")], 1.5, Some(time)), (vec![], 1e9, None)];
        writer.family(USED, samples);
        writer.family(NOTHING, []);
        writer.finish()
    }

    #[test]
    fn both_formats_are_as_they_should_be() {
        let text = "# HELP used_seconds_total Time used.\n# TYPE used_seconds_total counter\n\
                    used_seconds_total{a=\"x\\\"y\\\\\\n\",b=\"\"} 1.5 1700000000070\nused_seconds_total 1000000000\n";
        assert_eq!(written(ExpositionFormat::Text), text);
        let open_metrics = "# HELP used_seconds Time used.\n# TYPE used_seconds counter\n\
                            used_seconds_total{a=\"x\\\"y\\\\\\n\",b=\"\"} 1.5 1700000000.070\n\
                            used_seconds_total 1000000000\n# EOF\n";
        assert_eq!(written(ExpositionFormat::OpenMetrics), open_metrics);
    }
}
