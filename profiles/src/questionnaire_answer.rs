//! One answer held against its question: its type, the options and value sets, the limits that extensions set.
//! <https://hl7.org/fhir/R4/questionnaire.html>

use std::cmp::Ordering;

use fhir::{Node, Reference};
use fhirpath::Element;
use terminology::Membership;

use crate::datatype_rules::is_absolute;
use crate::enable_when::{compare, number, value, value_type};
use crate::form::Form;
use crate::questionnaire_response::list;
use crate::surroundings::TooMany;
use crate::walk::{Place, Walk, shown};

/// A text that no pattern takes too many steps on.
const SHORT_TEXT_BYTES: usize = 4096;
const EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/";

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Holds an answer's value against the question.
    pub(crate) fn answer_value(&mut self, place: Place<'_, 'a>, asked: Node<'a>, type_code: &str, form: &Form<'a>) {
        let answer: Node<'a> = place.node;
        let (Some(given), Some(own)) = (value(answer, "value"), value_type(answer, "value")) else { return };
        // Of a type that no answer may have, the walk over the base has told.
        let is_answer = self.validator.definitions().element("QuestionnaireResponse.item.answer.value");
        if !is_answer.is_some_and(|element| {
            element.types.iter().any(|one| element.json_name(&one.code) == format!("value{own}"))
        }) {
            return;
        }
        let wanted: &[&str] = match type_code {
            "boolean" => &["Boolean"],
            "decimal" => &["Decimal"],
            "integer" => &["Integer"],
            "date" => &["Date"],
            "dateTime" => &["DateTime"],
            "time" => &["Time"],
            "string" | "text" => &["String"],
            "url" => &["Uri"],
            "attachment" => &["Attachment"],
            "reference" => &["Reference"],
            "quantity" => &["Quantity"],
            "choice" => &["Coding", "Date", "Time", "Integer", "String", "Reference"],
            "open-choice" => &["Coding", "String", "Date", "Time", "Integer", "Reference"],
            _ => return,
        };
        let step = place.path.child("value");
        let at_value = Place { node: given, path: &step, rule: place.rule };
        if !wanted.contains(&own.as_str()) {
            return self.error(at_value, "structure", || {
                format!("found an answer of type `{}`, expected `{}`", shown(&own), wanted.join("` or `"))
            });
        }
        match type_code {
            "quantity" => self.answer_unit(at_value, asked),
            "attachment" => self.answer_attachment(at_value, asked),
            "reference" => self.answer_reference(at_value, asked),
            "decimal" | "integer" | "date" | "dateTime" | "time" => self.answer_bounds(at_value, asked),
            "string" | "text" | "url" => self.answer_text(at_value, asked),
            _ => {}
        }
        // An open choice takes any text beside the options.
        if !(type_code == "open-choice" && own == "String") {
            self.answer_option(at_value, asked, form);
        }
    }

    fn answer_option(&mut self, place: Place<'_, 'a>, asked: Node<'a>, form: &Form<'a>) {
        let options: Vec<Node<'a>> = list(asked, "answerOption").filter_map(|option| value(option, "value")).collect();
        if !self.around.budget.spend(options.len()) {
            return self.note_costly(place, "answers among the options of their questions");
        }
        if !options.is_empty() {
            let is_option = options.iter().any(|option| compare(place.node, *option) == Some(Ordering::Equal));
            if !is_option {
                self.error(place, "code-invalid", || "the answer is none of the options of the question".to_owned());
            }
            return;
        }
        let Some(url) = asked.str("answerValueSet") else { return };
        if !place.node.is_object() {
            return;
        }
        let Some(code) = place.node.str("code") else { return };
        let system = place.node.str("system");
        let membership = match url.strip_prefix('#') {
            Some(id) => listed(form.questionnaire.node, id, system.as_deref(), &code)
                .or_else(|| listed(form.response, id, system.as_deref(), &code)),
            None => Some(self.around.check(&url, system.as_deref(), &code)),
        };
        match membership {
            Some(Membership::NotMember) => self.error(place, "code-invalid", || {
                format!("code `{}` is not in the value set of the question, `{}`", shown(&code), shown(&url))
            }),
            Some(Membership::Member) if self.options.exacting && !self.has_right_display(place.node) => {
                self.error(place, "code-invalid", || {
                    format!("code `{}` with this display is not in the value set of the question", shown(&code))
                });
            }
            Some(Membership::Member) => {}
            Some(Membership::NotChecked { missing }) => self.note_not_checked(place, &missing),
            None => self.note_not_checked(place, &url),
        }
    }

    fn answer_unit(&mut self, place: Place<'_, 'a>, asked: Node<'a>) {
        self.answer_bounds(place, asked);
        let (system, code) = (place.node.str("system"), place.node.str("code"));
        let options: Vec<Node<'a>> = extensions(asked, "questionnaire-unitOption").collect();
        let fits = |option: &Node<'a>| option.str("code") == code && option.str("system") == system;
        if !options.is_empty() && !options.iter().any(fits) {
            self.error(place, "code-invalid", || "the unit is none of those that the question offers".to_owned());
        }
        let Some(url) = extensions(asked, "questionnaire-unitValueSet").next().and_then(|url| url.as_str()) else {
            return;
        };
        let membership = match &code {
            Some(code) => self.around.check(&url, system.as_deref(), code),
            None => Membership::NotMember,
        };
        match membership {
            Membership::Member => {}
            Membership::NotMember => self.error(place, "code-invalid", || {
                format!("the unit is not in the value set of the question, `{}`", shown(&url))
            }),
            Membership::NotChecked { missing } => self.note_not_checked(place, &missing),
        }
    }

    fn answer_attachment(&mut self, place: Place<'_, 'a>, asked: Node<'a>) {
        let size = place.node.get("size").and_then(number).or_else(|| {
            let data = place.node.str("data")?;
            // Four characters carry three bytes.
            u32::try_from(data.len() / 4 * 3).ok().map(f64::from)
        });
        let max = extensions(asked, "maxSize").next().and_then(number);
        if let (Some(size), Some(max)) = (size, max)
            && size > max
        {
            self.error(place, "too-long", || format!("the attachment has {size} bytes, at most {max} are allowed"));
        }
        let types: Vec<_> = extensions(asked, "mimeType").filter_map(|one| one.as_str()).collect();
        let own = place.node.str("contentType");
        if !types.is_empty() && own.as_ref().is_none_or(|own| !types.contains(own)) {
            self.error(place, "invalid", || format!("the media type is not one of `{}`", types.join("`, `")));
        }
    }

    fn answer_reference(&mut self, place: Place<'_, 'a>, asked: Node<'a>) {
        let Some(text) = place.node.str("reference").filter(|text| !text.starts_with('#')) else { return };
        if text.contains(char::is_whitespace) || (text.contains("://") && !is_absolute(&text)) {
            self.error(place, "invalid", || "the reference is not a url".to_owned());
        }
        // In `base/Type/id` the type is the last part but one, whatever it is.
        let mut parts = text.split("/_history/").next().unwrap_or_default().rsplit('/');
        let type_name = parts.nth(1).filter(|name| name.starts_with(|letter: char| letter.is_ascii_uppercase()));
        let known = |name: &&str| self.validator.definitions().is_resource_type(name);
        if let Some(unknown) = type_name.filter(|name| !known(name)) {
            self.error(place, "invalid", || format!("`{}` is not a resource type", shown(unknown)));
        }
        let allowed: Vec<_> =
            extensions(asked, "questionnaire-referenceResource").filter_map(|one| one.as_str()).collect();
        let own = Reference::parse(&text);
        let own = own.type_name();
        if let Some(own) = own.filter(|own| !allowed.is_empty() && allowed.iter().all(|one| one != own)) {
            self.error(place, "invalid", || {
                format!("the reference points to `{}`, expected {}", shown(own), allowed.join(" or "))
            });
        }
    }

    fn answer_bounds(&mut self, place: Place<'_, 'a>, asked: Node<'a>) {
        let quantity = place.node.get("value");
        let given = if place.node.is_object() { quantity.unwrap_or(place.node) } else { place.node };
        let limit = |name: &str| extensions(asked, name).next().map(|limit| limit.get("value").unwrap_or(limit));
        if limit("minValue").is_some_and(|min| compare(given, min) == Some(Ordering::Less)) {
            self.error(place, "value", || "the answer is below the least that the question allows".to_owned());
        }
        if limit("maxValue").is_some_and(|max| compare(given, max) == Some(Ordering::Greater)) {
            self.error(place, "value", || "the answer is above the most that the question allows".to_owned());
        }
        let places = |text: &str| text.split_once('.').map_or(0, |(_, digits)| digits.len());
        if let (Some(text), Some(max)) = (given.number_text(), limit("maxDecimalPlaces").and_then(|max| max.as_i64()))
            && i64::try_from(places(text)).unwrap_or(i64::MAX) > max
        {
            self.error(place, "value", || format!("the answer has too many decimal places, at most {max} are allowed"));
        }
    }

    fn answer_text(&mut self, place: Place<'_, 'a>, asked: Node<'a>) {
        let Some(text) = place.node.as_str() else { return };
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if let Some(max) = asked.get("maxLength").and_then(|max| max.as_i64()).filter(|max| length > *max) {
            self.error(place, "too-long", || format!("the answer has {length} characters, at most {max} are allowed"));
        }
        let pattern = extensions(asked, "regex").next().and_then(|pattern| pattern.as_str());
        match pattern.map(|pattern| self.has_form(place.node, &pattern)) {
            Some(Err(TooMany)) => self.note_costly(place, "answers by the patterns of their questions"),
            Some(Ok(false)) => {
                self.error(place, "value", || {
                    "the answer does not have the form that the question asks for".to_owned()
                });
            }
            Some(Ok(true)) | None => {}
        }
        let min = extensions(asked, "minLength").next().and_then(|min| min.as_i64());
        if let Some(min) = min.filter(|min| length < *min) {
            self.error(place, "value", || format!("the answer has {length} characters, at least {min} are required"));
        }
    }

    /// Says whether a text matches a regular expression as a whole; one that cannot be read asks nothing.
    fn has_form(&self, text: Node<'a>, pattern: &str) -> Result<bool, TooMany> {
        let Some(expression) = self.around.pattern(pattern)? else { return Ok(true) };
        let element = Element::new(text, Some("string"), self.validator.definitions());
        let outcome = self.answer(&expression, element);
        // A pattern that cannot be compiled would be tried anew for each answer; a long text may fail for its own sake.
        if outcome.is_err() && text.raw().len() < SHORT_TEXT_BYTES {
            self.around.drop_pattern(pattern);
        }
        Ok(outcome != Ok(Some(false)))
    }

    fn has_right_display(&self, coding: Node<'a>) -> bool {
        let (Some(system), Some(code), Some(display)) =
            (coding.str("system"), coding.str("code"), coding.str("display"))
        else {
            return true;
        };
        self.display_meant(&system, &code, &display).is_none()
    }
}

/// Lists the values of the extensions of a name of HL7's.
pub(crate) fn extensions<'q>(asked: Node<'q>, name: &str) -> impl Iterator<Item = Node<'q>> {
    let url = format!("{EXTENSION}{name}");
    let found = list(asked, "extension").filter(move |one| one.str("url").is_some_and(|own| own == url));
    found.filter_map(|one| value(one, "value"))
}

/// Looks a code up in a contained value set that lists its codes.
fn listed(holder: Node<'_>, id: &str, system: Option<&str>, code: &str) -> Option<Membership> {
    let mut contained = list(holder, "contained");
    let found = contained.find(|one| one.str("id").is_some_and(|own| own == id))?;
    let mut is_open = false;
    for include in list(found.get("compose")?, "include") {
        if include.get("concept").is_none() {
            is_open = true;
            continue;
        }
        let is_system = system.is_none() || include.str("system").as_deref() == system;
        if is_system && list(include, "concept").any(|one| one.str("code").is_some_and(|own| own == code)) {
            return Some(Membership::Member);
        }
    }
    (!is_open).then_some(Membership::NotMember)
}
