//! Metrics as text, in the two formats that scrapers know: Prometheus' own
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>) and OpenMetrics 1.0
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

mod conversion;
mod writer;

pub(crate) use writer::{Family, Kind, Writer};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpositionFormat {
    /// Prometheus' text format, version 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl ExpositionFormat {
    /// The format for a client with this `Accept` header: OpenMetrics only for those that ask for it and do not prefer plain
    /// text.
    pub fn negotiate(accept: Option<&str>) -> Self {
        let offers = accept.unwrap_or_default().split(',').filter_map(offer);
        // Of equal preferences the first one counts, as `max_by` takes the last.
        let offers: Vec<_> = offers.collect();
        let best = offers.iter().rev().max_by(|(_, one), (_, other)| one.total_cmp(other));
        best.map_or(Self::Text, |(format, _)| *format)
    }

    /// Value of the `Content-Type` header.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// A document in this format, made of one in OpenMetrics.
    pub fn convert(self, open_metrics: String) -> String {
        match self {
            Self::OpenMetrics => open_metrics,
            Self::Text => conversion::to_text(&open_metrics),
        }
    }
}

/// A media range that we can serve, with its weight (RFC 9110, 12.5.1).
fn offer(range: &str) -> Option<(ExpositionFormat, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let format = match parts.next()? {
        "application/openmetrics-text" => ExpositionFormat::OpenMetrics,
        "text/plain" | "text/*" | "*/*" => ExpositionFormat::Text,
        _ => return None,
    };
    let (mut weight, mut version) = (1.0, None);
    for part in parts {
        match part.split_once('=') {
            Some(("q", value)) => weight = value.parse().unwrap_or(0.0),
            Some(("version", value)) => version = Some(value),
            _ => {}
        }
    }
    let served = match format {
        ExpositionFormat::OpenMetrics => matches!(version, None | Some("1.0.0" | "0.0.1")),
        ExpositionFormat::Text => matches!(version, None | Some("0.0.4")),
    };
    (served && weight > 0.0).then_some((format, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_are_for_those_who_ask_for_them() {
        use ExpositionFormat::{OpenMetrics, Text};
        // As Prometheus 2.x and 3.x ask.
        let prometheus_2 = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;\
                            q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            (Some(prometheus_2), OpenMetrics),
            (Some(prometheus_3), OpenMetrics),
            (Some("text/plain;version=0.0.4"), Text),
            (Some("text/plain, application/openmetrics-text"), Text),
            (Some("application/openmetrics-text, text/plain"), OpenMetrics),
            (Some("application/openmetrics-text;q=0, */*;q=0.1"), Text),
            (Some("application/vnd.google.protobuf"), Text),
            (Some("application/openmetrics-text;q=nonsense"), Text),
            (Some(""), Text),
            (None, Text),
        ] {
            assert_eq!(ExpositionFormat::negotiate(accept), format, "{accept:?}");
        }
    }
}
