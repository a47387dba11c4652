//! The headers that change what an interaction does. <https://hl7.org/fhir/R4/http.html#Http-Headers>

use std::borrow::Cow;

use actix_web::http::header::HttpDate;
use fhir::Instant;
use search::Handling;
use serde::{Deserialize, Serialize};
use store::CurrentVersion;

use crate::failure::{Failure, Reason};

/// Conditions and preferences of one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    /// `If-Match`: the versions of which one must be current.
    pub if_match: Option<EntityTags>,
    /// `If-None-Match`: what the caller has.
    pub if_none_match: Option<EntityTags>,
    /// `If-Modified-Since`: what was written until then, that moment included, the caller has.
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

/// The entity tags of `If-Match` and `If-None-Match`. <https://www.rfc-editor.org/rfc/rfc9110#section-13.1>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EntityTags {
    /// `*`: whatever there is.
    Any,
    /// These versions; a tag that this server never gave is none of them.
    Versions(Vec<u64>),
}

impl EntityTags {
    fn read(text: &str) -> EntityTags {
        match tags(text).any(|tag| tag == "*") {
            true => EntityTags::Any,
            false => EntityTags::Versions(tags(text).filter_map(version_of_etag).collect()),
        }
    }

    /// The same where each must be a tag of this server: what is to be written over must be named.
    fn read_all(text: &str, header: &str) -> Result<EntityTags, Failure> {
        match EntityTags::read(text) {
            EntityTags::Versions(versions) if versions.len() < tags(text).count().max(1) => {
                let message = format!("header `{header}` must be `*` or ETags of this server, as W/\"3\"");
                Err(Failure::bad_header(header, "value", message))
            }
            tags => Ok(tags),
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

/// The members of a list, of which empty ones count for nothing: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1.2>.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|tag| !tag.is_empty())
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
    /// Reads the headers; `header` gives a header's text by its lower-case name, of several of the name all, with commas between.
    pub(crate) fn read<'a>(header: impl Fn(&str) -> Option<Cow<'a, str>>) -> Result<Conditions, Failure> {
        let mut conditions = Conditions {
            if_match: header("if-match").map(|text| EntityTags::read_all(&text, "If-Match")).transpose()?,
            if_none_match: header("if-none-match").map(|text| EntityTags::read(&text)),
            // RFC 9110 section 13.1.3: what is no date is ignored.
            if_modified_since: header("if-modified-since").and_then(|text| before_date(&text)),
            if_none_exist: header("if-none-exist").map(Cow::into_owned),
            ..Conditions::default()
        };
        conditions.prefer(&header("prefer").unwrap_or_default())?;
        Ok(conditions)
    }

    /// Whether the caller has this version already. <https://hl7.org/fhir/R4/http.html#cread>
    pub(crate) fn is_not_modified(&self, version: u64, last_updated: Instant) -> bool {
        match (&self.if_none_match, self.if_modified_since) {
            // RFC 9110 section 13.2.2: with both, the entity tag alone decides.
            (Some(tags), _) => tags.holds(version),
            (None, Some(since)) => last_updated <= since,
            (None, None) => false,
        }
    }

    /// Refuses a version that `If-Match` or `If-None-Match` does not allow to be changed.
    pub(crate) fn check_version(&self, (type_name, id): (&str, &str), version: u64) -> Result<(), Failure> {
        let (code, message) = match (&self.if_match, &self.if_none_match) {
            (Some(tags), _) if !tags.holds(version) => {
                ("conflict", format!("the version of `If-Match` is not the current one of {type_name}/{id}"))
            }
            (_, Some(tags)) if tags.holds(version) => {
                ("duplicate", format!("the version of {type_name}/{id} that `If-None-Match` rules out is current"))
            }
            _ => return Ok(()),
        };
        Err(Failure::new(Reason::PreconditionFailed, code, message))
    }

    /// The same for the store, which looks at it in the transaction of the write.
    pub(crate) fn current_version(&self) -> Result<Option<CurrentVersion>, Failure> {
        let rule = match (&self.if_match, &self.if_none_match) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let message = "a write takes `If-Match` or `If-None-Match`, not both";
                return Err(Failure::bad_header("If-None-Match", "invalid", message));
            }
            (Some(EntityTags::Any), None) => CurrentVersion::Any,
            (Some(EntityTags::Versions(versions)), None) => CurrentVersion::OneOf(versions.clone()),
            (None, Some(EntityTags::Any)) => CurrentVersion::Absent,
            (None, Some(EntityTags::Versions(versions))) => CurrentVersion::NoneOf(versions.clone()),
        };
        Ok(Some(rule))
    }

    /// Reads `Prefer`: <https://www.rfc-editor.org/rfc/rfc7240#section-2>. What is not known is ignored, and of a preference that is given
    /// twice the first counts; but a `handling` that is not known could be one that was meant to be strict.
    fn prefer(&mut self, text: &str) -> Result<(), Failure> {
        let (mut returned, mut handling) = (None, None);
        for (name, value) in preferences(text) {
            match name.as_str() {
                "return" if returned.is_none() => returned = Some(value),
                "handling" if handling.is_none() => handling = Some(value),
                "respond-async" => self.is_async = true,
                _ => {}
            }
        }
        self.prefer_return = match returned.as_deref() {
            Some("minimal") => PreferReturn::Minimal,
            Some("OperationOutcome") => PreferReturn::OperationOutcome,
            _ => PreferReturn::Representation,
        };
        self.handling = match handling.as_deref() {
            None | Some("strict") => Handling::Strict,
            Some("lenient") => Handling::Lenient,
            Some(_) => {
                let message = "the `handling` of header `Prefer` is `strict` or `lenient`";
                return Err(Failure::bad_header("Prefer", "value", message));
            }
        };
        Ok(())
    }
}

/// Names, in small letters, and values of the preferences, without their parameters.
fn preferences(text: &str) -> Vec<(String, String)> {
    let each = outside_quotes(text, ',').into_iter().filter_map(|preference| {
        let preference = outside_quotes(preference, ';').into_iter().next()?;
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        Some((name.trim().to_ascii_lowercase(), unquoted(value.trim())))
    });
    each.collect()
}

/// Splits where the separator does not stand in a quoted string: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4>.
fn outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_end = |sign: char| {
        let is_end = sign == separator && !is_quoted;
        is_quoted ^= sign == '"' && !is_escaped;
        is_escaped = is_quoted && sign == '\\' && !is_escaped;
        is_end
    };
    text.split(is_end).collect()
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let mut signs = inner.chars();
    let mut out = String::with_capacity(inner.len());
    while let Some(sign) = signs.next() {
        out.extend(if sign == '\\' { signs.next() } else { Some(sign) });
    }
    out
}

/// A media type without its parameters, in small letters.
pub(crate) fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// How long after its time a write may still come to be seen: the moment is taken before the commit.
const SETTLED_MS: i64 = 10_000;

/// What `Last-Modified` says, in whole seconds, of what was written at that moment.
///
/// Another write may follow in the same second, and must not look to a later `If-Modified-Since` as what the caller has. Once that cannot happen any
/// more it is the second that follows, which holds all of the writes of that second and no later one; until then it is the second itself, which
/// [`Conditions::is_not_modified`] never takes for this version. <https://www.rfc-editor.org/rfc/rfc9110#section-8.8.2>
pub(crate) fn last_modified(last_updated: Instant, now: Instant) -> Instant {
    let second = last_updated.0.div_euclid(1000);
    let is_settled = now.0.saturating_sub(last_updated.0) >= SETTLED_MS;
    Instant((second + i64::from(is_settled)) * 1000)
}

/// The last moment before the second that a header names: what was written within it may have changed after the caller looked.
fn before_date(text: &str) -> Option<Instant> {
    let date = std::time::SystemTime::from(text.parse::<HttpDate>().ok()?);
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok().map(|millis| Instant(millis - 1))
}

/// The version in `W/"3"`; `"3"` and `3` are taken too, as other servers do.
pub(crate) fn version_of_etag(text: &str) -> Option<u64> {
    text.trim().trim_start_matches("W/").trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_as_rfc_7240_writes_them() {
        let check = |text: &str, expected: Option<(PreferReturn, Handling, bool)>| {
            let header = |name: &str| (name == "prefer").then_some(Cow::Borrowed(text));
            let found =
                Conditions::read(header).ok().map(|found| (found.prefer_return, found.handling, found.is_async));
            assert_eq!(found, expected, "{text}");
        };
        let (whole, strict) = (PreferReturn::Representation, Handling::Strict);
        check("return=minimal", Some((PreferReturn::Minimal, strict, false)));
        check("return=\"minimal\"", Some((PreferReturn::Minimal, strict, false)));
        check("Return = OperationOutcome ; a=b", Some((PreferReturn::OperationOutcome, strict, false)));
        check("return=headers-only", Some((whole, strict, false)));
        check("return=minimal, return=representation", Some((PreferReturn::Minimal, strict, false)));
        check("handling=\"lenient\", respond-async; wait=10", Some((whole, Handling::Lenient, true)));
        check("respond-async, wait=10", Some((whole, strict, true)));
        check("foo; bar=\", respond-async, \\\", return=minimal\"", Some((whole, strict, false)));
        check("", Some((whole, strict, false)));
        check("handling=\"strict\"", Some((whole, strict, false)));
        check("handling=strct", None);
        check("handling=\"\"", None);
    }

    #[test]
    fn a_second_write_in_the_second_of_the_first_is_not_taken_for_it() {
        let (first, second, next) = (Instant(5_100), Instant(5_900), Instant(6_000));
        let is_known = |told: Instant, last_updated: Instant| {
            let date =
                HttpDate::from(std::time::UNIX_EPOCH + std::time::Duration::from_millis(told.0 as u64)).to_string();
            let header = |name: &str| (name == "if-modified-since").then_some(Cow::Borrowed(date.as_str()));
            Conditions::read(header).unwrap_or_default().is_not_modified(1, last_updated)
        };
        let at_once = last_modified(first, Instant(5_200));
        assert_eq!(at_once, Instant(5_000));
        assert!(!is_known(at_once, first) && !is_known(at_once, second));
        let later = last_modified(second, Instant(5_900 + SETTLED_MS));
        assert_eq!(later, Instant(6_000));
        assert!(is_known(later, first) && is_known(later, second) && !is_known(later, next));
    }
}
