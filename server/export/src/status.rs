//! Where a job stands, as its client sees it.

use fhir::{Instant, Issue};
use serde_json::Value;

/// The status of a job.
#[derive(Debug, Clone)]
pub enum JobStatus {
    /// Queued or running.
    Running {
        /// At most 100 characters, for `X-Progress`.
        progress: String,
    },
    /// Done.
    Complete {
        /// The manifest.
        manifest: Value,
        /// When the files go.
        expires: Instant,
    },
    /// Failed.
    Failed {
        /// Why.
        issues: Vec<Issue>,
    },
}

/// An instant in the form of HTTP's date headers (RFC 9110 section 5.6.7).
pub fn http_date(instant: Instant) -> String {
    let seconds = instant.0.div_euclid(1000);
    let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let text = instant.to_fhir();
    let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let day_name = usize::try_from(days.rem_euclid(7)).ok().and_then(|day| weekday.get(day)).unwrap_or(&"Thu");
    format!(
        "{day_name}, {} {} {} {:02}:{:02}:{:02} GMT",
        text.get(8..10).unwrap_or_default(),
        months.get(month.saturating_sub(1)).unwrap_or(&"Jan"),
        text.get(0..4).unwrap_or_default(),
        second_of_day / 3600,
        second_of_day / 60 % 60,
        second_of_day % 60,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_form_of_http() {
        // The example of RFC 9110.
        assert_eq!(http_date(Instant(784_111_777_000)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
