//! Rules on datatypes and primitives beyond their form: <https://hl7.org/fhir/R4/datatypes.html>.

use fhir::{FhirDate, Node, Severity};
use terminology::Membership;

use crate::country::{COUNTRIES, name_of_other};
use crate::example_url::is_example_url;
use crate::hgvs::{HGVS, is_hgvs};
use crate::primitive::{Primitive, is_oid, is_uuid};
use crate::snomed::{SNOMED_CT, is_snomed_code};
use crate::terminology_rules::UCUM;
use crate::walk::{Place, Walk, shown};

/// The farthest that a local time is from UTC: 14 hours.
const OFFSET_MAX_MS: i64 = 14 * 3_600_000;
/// The most characters of a string: <https://hl7.org/fhir/R4/datatypes.html#string>.
const TEXT_LENGTH_MAX: usize = 1_048_576;

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds a complex value against the rules of its type.
    pub(crate) fn datatype_rules(&mut self, place: Place<'_, 'a>, code: &str) {
        match code {
            "Attachment" => self.attachment(place),
            "Coding" => self.coding(place),
            "Identifier" => self.identifier(place),
            "Period" => self.period(place),
            "Quantity" | "Age" | "Count" | "Distance" | "Duration" => self.unit(place),
            _ => {}
        }
    }

    /// Holds a primitive of the right form against further rules.
    pub(crate) fn primitive_rules(&mut self, place: Place<'_, 'a>, primitive: Primitive, targets: &[String]) {
        match primitive {
            Primitive::Xhtml => {
                let text = place.node.as_str().unwrap_or_default();
                self.narrative(place, &text);
            }
            Primitive::Canonical => {
                self.example_url(place);
                self.canonical(place, targets);
            }
            Primitive::Uri | Primitive::Url => {
                self.example_url(place);
                self.uri(place);
            }
            Primitive::String | Primitive::Markdown => self.text(place, primitive),
            _ => {}
        }
    }

    /// White space alone says nothing, and at the ends it is hardly meant; both are of the right form.
    fn text(&mut self, place: Place<'_, 'a>, primitive: Primitive) {
        let Some(text) = place.node.as_str() else { return };
        if text.trim().is_empty() {
            self.report(Severity::Warning, place, "value", || "the text is nothing but white space".to_owned());
        } else if primitive == Primitive::String && text.trim().len() != text.len() {
            self.report(Severity::Warning, place, "value", || "the text starts or ends with white space".to_owned());
        }
        if text.len() > TEXT_LENGTH_MAX && text.chars().count() > TEXT_LENGTH_MAX {
            let severity = if self.options.exacting { Severity::Error } else { Severity::Warning };
            self.report(severity, place, "too-long", || {
                format!("the text has more than {TEXT_LENGTH_MAX} characters, the most that FHIR allows")
            });
        }
    }

    fn example_url(&mut self, place: Place<'_, 'a>) {
        if self.options.refuses_example_urls && place.node.as_str().is_some_and(|url| is_example_url(&url)) {
            self.error(place, "business-rule", || "the url is one of those that are kept for examples".to_owned());
        }
    }

    /// The stated size is that of the data, which says that nothing was lost on the way.
    fn attachment(&mut self, place: Place<'_, 'a>) {
        let stated = place.node.get("size").and_then(|size| size.as_i64());
        let (Some(stated), Some(data)) = (stated, place.node.str("data")) else { return };
        let digits = data.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').count();
        // Four characters carry three bytes, six bits each.
        let found = i64::try_from(digits * 6 / 8).unwrap_or(i64::MAX);
        if stated != found {
            let severity = if self.options.exacting { Severity::Error } else { Severity::Warning };
            self.report(severity, place, "value", || format!("`size` is {stated}, the data have {found} bytes"));
        }
    }

    fn coding(&mut self, place: Place<'_, 'a>) {
        let node: Node<'a> = place.node;
        let Some(system) = node.str("system") else {
            if node.get("code").is_some() {
                self.report(Severity::Warning, place, "business-rule", || {
                    "a code without its system means nothing".to_owned()
                });
            }
            return;
        };
        if !is_absolute(&system) {
            return self.error(place, "value", || "the system of a code must be an absolute uri".to_owned());
        }
        let definitions = self.validator.definitions();
        if definitions.code_system(&system).is_none() && definitions.value_set(&system).is_some() {
            return self.error(place, "value", || {
                format!("`{}` is a value set, expected the url of a code system", shown(&system))
            });
        }
        if definitions
            .code_system(&system)
            .is_some_and(|found| found.supplements.is_some() || found.content == "supplement")
        {
            return self.error(place, "value", || {
                format!("`{}` only adds to a code system, so it has no codes of its own", shown(&system))
            });
        }
        let Some(code) = node.str("code") else { return };
        let is_malformed = (system == SNOMED_CT && !is_snomed_code(&code)) || (system == HGVS && !is_hgvs(&code));
        match if is_malformed { Membership::NotMember } else { self.around.check_code(&system, &code) } {
            Membership::NotMember => {
                let severity = if self.options.exacting { Severity::Error } else { Severity::Warning };
                self.report(severity, place, "code-invalid", || {
                    format!("code `{}` is not one of the code system `{}`", shown(&code), shown(&system))
                });
            }
            Membership::Member => self.display(place, &system, &code),
            Membership::NotChecked { missing } => self.note_not_checked(place, &missing),
        }
    }

    /// A unit of UCUM is one that UCUM has, bound or not.
    fn unit(&mut self, place: Place<'_, 'a>) {
        let Some(code) = place.node.str("code") else { return };
        if place.node.str("system").as_deref() != Some(UCUM)
            || self.around.check_code(UCUM, &code) != Membership::NotMember
        {
            return;
        }
        let severity = if self.options.exacting { Severity::Error } else { Severity::Warning };
        self.report(severity, place, "code-invalid", || format!("`{}` is not a unit of UCUM", shown(&code)));
    }

    fn display(&mut self, place: Place<'_, 'a>, system: &str, code: &str) {
        let Some(given) = place.node.str("display") else { return };
        let Some(wanted) = self.display_meant(system, code, &given).map(str::to_owned) else { return };
        let severity = if self.options.exacting { Severity::Error } else { Severity::Warning };
        self.report(severity, place, "invalid", || {
            format!("the display is not that of the code `{}`, which is `{wanted}`", shown(code))
        });
    }

    /// Gives the words of a code where those given are not they.
    pub(crate) fn display_meant(&self, system: &str, code: &str, given: &str) -> Option<&str> {
        if system == COUNTRIES {
            return name_of_other(self.validator.definitions(), code, given);
        }
        let known = self.validator.terminology().lookup(system, code).and_then(|known| known.text);
        // What is known here alone is the one display; others tell synonyms too, any of which will do.
        let told = if known.is_none() { self.around.told_displays(system, code) } else { &[] };
        let mut wanted = known.into_iter().chain(told.iter().map(String::as_str)).peekable();
        let first = wanted.peek().copied()?;
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        wanted.all(|one| plain(one) != plain(given)).then_some(first)
    }

    /// `per-1`. For the reference a start and an end that cannot be compared, as a time and the day it lies in, do not keep the rule; but
    /// the standard has an end mean all times that match it, so that such a period is right data.
    fn period(&mut self, place: Place<'_, 'a>) {
        let date = |name: &str| FhirDate::parse(&place.node.str(name)?);
        let (Some(start), Some(end)) = (date("start"), date("end")) else { return };
        let is_same_form = start.precision() == end.precision();
        let holds = if is_same_form { start.range().0 <= end.range().0 } else { start.range().1 <= end.range().0 };
        if holds {
            return;
        }
        // A date without an offset may be that of any place on earth.
        let leeway_ms = if start.has_offset() == end.has_offset() { 0 } else { OFFSET_MAX_MS };
        let may_hold = !is_same_form && start.range().0.0 <= end.range().1.0.saturating_add(leeway_ms);
        let severity = if may_hold && !self.options.exacting { Severity::Warning } else { Severity::Error };
        self.report(severity, place, "invariant", || match may_hold {
            true => {
                "start and end of the period cannot be compared: give both to the same precision (`per-1`)".to_owned()
            }
            false => "the start of a period must not lie after its end (`per-1`)".to_owned(),
        });
    }

    fn identifier(&mut self, place: Place<'_, 'a>) {
        let Some(system) = place.node.str("system") else { return };
        if !is_absolute(&system) {
            self.error(place, "value", || "the system of an identifier must be an absolute uri".to_owned());
        }
        if system == "urn:ietf:rfc:3986" && place.node.str("value").is_some_and(|value| !is_absolute(&value)) {
            self.error(place, "value", || {
                "under the system `urn:ietf:rfc:3986` the value must be an absolute uri".to_owned()
            });
        }
    }

    fn canonical(&mut self, place: Place<'_, 'a>, targets: &[String]) {
        let Some(text) = place.node.as_str() else { return };
        if text.starts_with('#') {
            return;
        }
        if !is_absolute(&text) {
            let severity = if self.options.exacting { Severity::Error } else { Severity::Warning };
            return self.report(severity, place, "value", || {
                format!("`{}` is relative: a canonical url must be absolute", shown(&text))
            });
        }
        let definitions = self.validator.definitions();
        let found = if definitions.value_set(&text).is_some() {
            "ValueSet"
        } else if definitions.code_system(&text).is_some() {
            "CodeSystem"
        } else if definitions.profile(&text).is_some() {
            "StructureDefinition"
        } else if let Some(told) = type_told(&text).filter(|told| definitions.is_resource_type(told)) {
            told
        } else {
            return;
        };
        let is_wanted = |target: &String| {
            let name = target.rsplit('/').next().unwrap_or_default();
            definitions.is_subtype(found, name)
        };
        if !targets.is_empty() && !targets.iter().any(is_wanted) {
            // Some code systems and the value set of all their codes share a url.
            let is_both = found == "ValueSet" && definitions.code_system(&text).is_some();
            if !is_both {
                self.error(place, "invalid", || {
                    let wanted: Vec<&str> = targets.iter().filter_map(|url| url.rsplit('/').next()).collect();
                    format!("`{}` is a {found}, expected {}", shown(&text), wanted.join(" or "))
                });
            }
        }
    }

    fn uri(&mut self, place: Place<'_, 'a>) {
        let Some(text) = place.node.as_str() else { return };
        let fault = if text.starts_with("oid:") || text.starts_with("uuid:") {
            "a uri starts with `urn:oid:` or `urn:uuid:`, not with the last part alone"
        } else if text.strip_prefix("urn:uuid:").is_some_and(|uuid| !is_uuid(uuid)) {
            "a `urn:uuid:` must be followed by a uuid in lower case"
        } else if text.strip_prefix("urn:oid:").is_some_and(|oid| !is_oid(oid)) {
            "a `urn:oid:` must be followed by an oid"
        } else {
            return;
        };
        self.error(place, "value", || fault.to_owned());
    }
}

/// Gives what the canonical urls of FHIR's own definitions have before the id: the type.
fn type_told(url: &str) -> Option<&str> {
    let (told, id) = url.strip_prefix("http://hl7.org/fhir/")?.split_once('/')?;
    (!id.contains('/')).then_some(told)
}

/// Says whether a uri has a scheme.
pub(crate) fn is_absolute(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}
