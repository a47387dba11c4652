//! JSON or XML, in and out, and how it is laid out. <https://hl7.org/fhir/R4/http.html#mime-type>

use actix_web::web;
use bytes::Bytes;
use fhir::Issue;

use crate::answer::{Answer, FHIR_JSON};
use crate::failure::{Failure, Reason};
use crate::headers::media_type;

/// Media type of FHIR XML.
pub(crate) const FHIR_XML: &str = "application/fhir+xml";

/// What the CapabilityStatement lists.
pub(crate) const FORMATS: [&str; 4] = [FHIR_JSON, "json", FHIR_XML, "xml"];

/// Bodies from this size on are converted and validated away from the threads that serve: XML takes some 100 ms a megabyte.
pub(crate) const BLOCKING_BYTES_MIN: usize = 64 * 1024;

/// A format that resources are given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    /// The form in which they are stored.
    #[default]
    Json,
    /// Converted on the way.
    Xml,
}

/// How an answer is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Presentation {
    /// The format.
    pub format: Format,
    /// Indented, for people.
    pub is_pretty: bool,
}

impl Presentation {
    /// What the parameters ask for, and where they do not, the `Accept` header.
    pub(crate) fn negotiate(params: &[(String, String)], accept: Option<&str>) -> Result<Presentation, Failure> {
        let param = |wanted: &str| params.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let is_pretty = match param("_pretty") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Failure::bad_param("_pretty", "value", "`_pretty` is `true` or `false`")),
        };
        let format = match (param("_format"), accept) {
            (Some(asked), _) => of_name(asked).filter(|_| is_r4(asked)),
            (None, Some(accept)) => of_accept(accept),
            (None, None) => Some(Format::Json),
        };
        let format = format.ok_or_else(|| {
            let message = "only application/fhir+json and application/fhir+xml, of FHIR version 4.0, are offered";
            let failure = Failure::new(Reason::NotAcceptable, "not-supported", message);
            if param("_format").is_some() { failure.of_param("_format") } else { failure.of_header("Accept") }
        })?;
        Ok(Presentation { format, is_pretty })
    }

    /// The answer in its format; what is no FHIR resource stays as it is.
    pub(crate) async fn of(self, mut answer: Answer) -> Result<Answer, Failure> {
        if self == Presentation::default() || answer.content_type != FHIR_JSON || answer.body.is_empty() {
            return Ok(answer);
        }
        let body = std::mem::take(&mut answer.body);
        answer.body = off_thread(body, move |body| self.written(body)).await?;
        answer.content_type = self.content_type();
        Ok(answer)
    }

    /// An OperationOutcome in the format; JSON, should it not be possible.
    pub(crate) fn outcome(self, issues: &[Issue]) -> (&'static str, Bytes) {
        let json = Bytes::from(fhir::operation_outcome(issues).to_string());
        match self.written(&json) {
            Ok(body) => (self.content_type(), body),
            Err(_) => (FHIR_JSON, json),
        }
    }

    fn content_type(self) -> &'static str {
        match self.format {
            Format::Json => FHIR_JSON,
            Format::Xml => FHIR_XML,
        }
    }

    fn written(self, body: &[u8]) -> Result<Bytes, Failure> {
        match self.format {
            Format::Json if self.is_pretty => {
                // A Bundle nests its resources deeper than they came.
                let limits = fhir::Limits { depth_max: 2 * fhir::Limits::default().depth_max };
                let json = fhir::Json::parse_with(body.to_vec(), limits).map_err(|_| Failure::internal())?;
                Ok(json.to_pretty().into())
            }
            Format::Json => Ok(Bytes::copy_from_slice(body)),
            Format::Xml => {
                let text = std::str::from_utf8(body).map_err(|_| Failure::internal())?;
                fhir::xml_from_json(text).map(Bytes::from).map_err(|_| {
                    let message = "what was found cannot be written as XML; ask for application/fhir+json";
                    Failure::new(Reason::NotAcceptable, "not-supported", message)
                })
            }
        }
    }
}

/// A body as JSON, if its media type says that it is XML.
pub(crate) async fn json_of(content_type: &str, body: Bytes) -> Result<Option<Bytes>, Failure> {
    if of_name(content_type) != Some(Format::Xml) {
        return Ok(None);
    }
    let read = |body: &[u8]| {
        let text = std::str::from_utf8(body)
            .map_err(|_| Failure::bad_request("structure", "the body must be XML in UTF-8"))?;
        let json = fhir::json_from_xml(text).map_err(|error| Failure::unread((&error).into()))?;
        Ok(Bytes::from(json))
    };
    off_thread(body, read).await.map(Some)
}

/// Refuses a `Content-Type` whose `fhirVersion` is another than R4's. <https://hl7.org/fhir/R4/http.html#version-parameter>
pub(crate) fn check_version(content_type: &str) -> Result<(), Failure> {
    if is_r4(content_type) {
        return Ok(());
    }
    let message = "the body must be of FHIR version 4.0";
    Err(Failure::new(Reason::UnsupportedMediaType, "not-supported", message).of_header("Content-Type"))
}

async fn off_thread(
    body: Bytes,
    convert: impl FnOnce(&[u8]) -> Result<Bytes, Failure> + Send + 'static,
) -> Result<Bytes, Failure> {
    if body.len() < BLOCKING_BYTES_MIN {
        return convert(&body);
    }
    web::block(move || convert(&body)).await.map_err(|_| Failure::internal())?
}

fn of_name(name: &str) -> Option<Format> {
    // A `+` in a query that was not encoded arrives as a space.
    match media_type(name).replace(' ', "+").as_str() {
        "json" | FHIR_JSON | "application/json" | "text/json" | "application/json+fhir" => Some(Format::Json),
        "xml" | FHIR_XML | "application/xml" | "text/xml" | "application/xml+fhir" => Some(Format::Xml),
        _ => None,
    }
}

/// The format of the highest quality that `Accept` gives; JSON where both are as good. <https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1>
fn of_accept(accept: &str) -> Option<Format> {
    // The quality of a format is that of the most specific range that names it.
    let quality = |format: Format| {
        let ranges = accept.split(',').filter_map(|range| {
            let name = media_type(range);
            let rank = match name.as_str() {
                "" | "*/*" => 0,
                "application/*" => 1,
                _ if of_name(&name) == Some(format) && is_r4(range) => 2,
                _ => return None,
            };
            Some((rank, quality_of(range)))
        });
        ranges.max_by(|left, right| left.0.cmp(&right.0).then(left.1.total_cmp(&right.1))).map_or(0.0, |(_, q)| q)
    };
    let (json, xml) = (quality(Format::Json), quality(Format::Xml));
    match json.max(xml) {
        best if best <= 0.0 => None,
        best if json >= best => Some(Format::Json),
        _ => Some(Format::Xml),
    }
}

fn parameters(range: &str) -> impl Iterator<Item = (String, &str)> {
    let pairs = range.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
}

fn quality_of(range: &str) -> f32 {
    parameters(range).find(|(name, _)| name == "q").map_or(1.0, |(_, value)| value.parse().unwrap_or(0.0))
}

fn is_r4(range: &str) -> bool {
    let mut versions = parameters(range).filter(|(name, _)| name == "fhirversion");
    versions.all(|(_, version)| matches!(version.trim_matches('"'), "4.0" | "4.0.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_format_of_the_accept_header_is_given() {
        let check = |accept: &str, expected: Option<Format>| {
            assert_eq!(Presentation::negotiate(&[], Some(accept)).ok().map(|found| found.format), expected, "{accept}");
        };
        let (json, xml) = (Some(Format::Json), Some(Format::Xml));
        check("*/*", json);
        check("", json);
        check("application/fhir+json", json);
        check("Application/FHIR+JSON; charset=utf-8", json);
        check("application/fhir+xml", xml);
        check("text/xml", xml);
        check("application/fhir+xml, application/fhir+json", json);
        check("application/fhir+xml;q=0.9, application/fhir+json;q=0.8", xml);
        check("application/fhir+json;q=0, */*", xml);
        check("application/fhir+xml;q=0.5, */*;q=0.1", xml);
        check("text/html, application/*;q=0.2", json);
        check("application/fhir+json; fhirVersion=4.0", json);
        check("application/fhir+json; fhirVersion=5.0, application/xml;q=0.1", xml);
        check("application/fhir+json; fhirVersion=3.0", None);
        check("text/turtle", None);
        check("application/fhir+json;q=0", None);
        check("application/fhir+json;q=odd", None);
    }

    #[test]
    fn the_parameter_goes_before_the_header() {
        let check = |format: &str, expected: Option<Format>| {
            let params = [("_format".to_owned(), format.to_owned())];
            let found = Presentation::negotiate(&params, Some("application/fhir+json"));
            assert_eq!(found.ok().map(|found| found.format), expected, "{format}");
        };
        check("xml", Some(Format::Xml));
        check("application/fhir xml", Some(Format::Xml));
        check("application/fhir+json;fhirVersion=4.0", Some(Format::Json));
        check("application/fhir+json;fhirVersion=5.0", None);
        check("ttl", None);
    }
}
