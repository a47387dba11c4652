//! The headers that change what an interaction does. <https://hl7.org/fhir/R4/http.html#Http-Headers>

use actix_web::http::header::HttpDate;
use fhir::Instant;
use search::Handling;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Conditions and preferences of one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    /// `If-Match`: the version that must be current.
    pub if_match: Option<u64>,
    /// `If-None-Match`: what the caller has.
    pub if_none_match: Option<EntityTags>,
    /// `If-Modified-Since`: when the caller got what it has.
    pub if_modified_since: Option<Instant>,
    /// `If-None-Exist`: the query of a conditional create.
    pub if_none_exist: Option<String>,
    /// `Prefer: return=`.
    pub prefer_return: PreferReturn,
    /// `Prefer: handling=`.
    pub handling: Handling,
    /// `Prefer: respond-async`.
    pub is_async: bool,
}

/// The entity tags of `If-None-Match`. <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EntityTags {
    /// `*`: whatever there is.
    Any,
    /// These versions; a tag that this server never gave is none of them.
    Versions(Vec<u64>),
}

impl EntityTags {
    fn read(text: &str) -> EntityTags {
        match text.trim() {
            "*" => EntityTags::Any,
            tags => EntityTags::Versions(tags.split(',').filter_map(version_of_etag).collect()),
        }
    }

    /// Whether that version is one of them.
    pub(crate) fn holds(&self, version: u64) -> bool {
        match self {
            EntityTags::Any => true,
            EntityTags::Versions(versions) => versions.contains(&version),
        }
    }
}

/// What a write answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum PreferReturn {
    /// No body.
    Minimal,
    /// The resource as stored.
    #[default]
    Representation,
    /// An OperationOutcome.
    OperationOutcome,
}

impl Conditions {
    /// Reads the headers; `header` gives a header's text by its lower-case name.
    pub(crate) fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<Conditions, Failure> {
        let mut conditions = Conditions {
            if_match: etag(header("if-match"), "If-Match")?,
            if_none_match: header("if-none-match").map(EntityTags::read),
            // RFC 9110 section 13.1.3: what is no date is ignored.
            if_modified_since: header("if-modified-since").and_then(http_date),
            if_none_exist: header("if-none-exist").map(str::to_owned),
            ..Conditions::default()
        };
        conditions.prefer(header("prefer").unwrap_or_default())?;
        Ok(conditions)
    }

    /// Whether the caller has this version already. <https://hl7.org/fhir/R4/http.html#cread>
    pub(crate) fn is_not_modified(&self, version: u64, last_updated: Instant) -> bool {
        match (&self.if_none_match, self.if_modified_since) {
            // RFC 9110 section 13.2.2: with both, the entity tag alone decides.
            (Some(tags), _) => tags.holds(version),
            // `Last-Modified` is told in whole seconds.
            (None, Some(since)) => last_updated.0.div_euclid(1000) <= since.0.div_euclid(1000),
            (None, None) => false,
        }
    }

    fn prefer(&mut self, text: &str) -> Result<(), Failure> {
        for preference in text.split([',', ';']).map(str::trim).filter(|preference| !preference.is_empty()) {
            match preference {
                "return=minimal" => self.prefer_return = PreferReturn::Minimal,
                "return=representation" => self.prefer_return = PreferReturn::Representation,
                "return=OperationOutcome" => self.prefer_return = PreferReturn::OperationOutcome,
                "handling=strict" => self.handling = Handling::Strict,
                "handling=lenient" => self.handling = Handling::Lenient,
                "respond-async" => self.is_async = true,
                other if other.starts_with("return=") || other.starts_with("handling=") => {
                    return Err(Failure::bad_header(
                        "Prefer",
                        "value",
                        "header `Prefer` has an unknown `return` or `handling`",
                    ));
                }
                // RFC 7240 section 2: a preference that is not known is ignored.
                _ => {}
            }
        }
        Ok(())
    }
}

/// A media type without its parameters, in small letters.
pub(crate) fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn etag(text: Option<&str>, header: &str) -> Result<Option<u64>, Failure> {
    let Some(text) = text else { return Ok(None) };
    match version_of_etag(text) {
        Some(version) => Ok(Some(version)),
        None => {
            let message = format!("header `{header}` must be an ETag of this server, as W/\"3\"");
            Err(Failure::bad_header(header, "value", message))
        }
    }
}

fn http_date(text: &str) -> Option<Instant> {
    let date = std::time::SystemTime::from(text.parse::<HttpDate>().ok()?);
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok().map(Instant)
}

/// The version in `W/"3"`; `"3"` and `3` are taken too, as other servers do.
pub(crate) fn version_of_etag(text: &str) -> Option<u64> {
    text.trim().trim_start_matches("W/").trim_matches('"').parse().ok()
}
