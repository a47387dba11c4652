//! Whether two Patients are of one person. A number alone never decides.

use std::hash::{DefaultHasher, Hash, Hasher};

use fhir::{Json, NHS_NUMBER_SYSTEM, NhsNumber, Node};

/// The extension that tells how far a number was traced.
const VERIFICATION: &str = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";
/// Number present and verified.
const VERIFIED: &str = "01";
/// Length of a date that names a day.
const DAY_LENGTH: usize = 10;

/// By what a Patient is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) number: NhsNumber,
    birth_date: Option<String>,
    is_verified: bool,
}

/// What the comparison of two Patients with one number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// One person: why.
    Same(&'static str),
    /// A human must look: why.
    Unsure(&'static str),
}

impl Identity {
    /// The identity of a Patient that bears one valid NHS number. Two different numbers are no identity.
    pub(crate) fn of(patient: &Json) -> Option<Identity> {
        let root = patient.root();
        let identifiers = root.get("identifier").into_iter().flat_map(|list| list.items());
        let of_nhs = identifiers.filter(|item| item.str("system").as_deref() == Some(NHS_NUMBER_SYSTEM));
        let numbers: Vec<(NhsNumber, bool)> = of_nhs
            .filter(|item| item.str("use").as_deref() != Some("old"))
            .filter_map(|item| {
                let number = NhsNumber::parse(&item.str("value")?).ok()?;
                Some((number, is_verified(item)))
            })
            .collect();
        let (number, is_verified) = numbers.first().cloned()?;
        if numbers.iter().any(|(other, _)| *other != number) {
            return None;
        }
        let birth_date = root.str("birthDate").map(|date| date.into_owned());
        Some(Identity { number, birth_date, is_verified })
    }

    /// Compares two Patients that bear the same number.
    pub(crate) fn compare(&self, other: &Identity) -> Comparison {
        let is_day = |date: &&String| date.len() == DAY_LENGTH;
        match (&self.birth_date, &other.birth_date) {
            (Some(own), Some(others)) if own == others && is_day(&own) => Comparison::Same("nhs-number-birth-date"),
            (Some(own), Some(others)) if !own.starts_with(others.as_str()) && !others.starts_with(own.as_str()) => {
                Comparison::Unsure("birth-date-differs")
            }
            _ if self.is_verified && other.is_verified => Comparison::Same("nhs-number-verified"),
            _ => Comparison::Unsure("birth-date-not-known"),
        }
    }

    /// A number from 0 to `count` - 1, the same for the same NHS number.
    pub(crate) fn stripe(&self, count: usize) -> usize {
        let mut hasher = DefaultHasher::new();
        self.number.hash(&mut hasher);
        usize::try_from(hasher.finish() % count.max(1) as u64).unwrap_or_default()
    }
}

fn is_verified(identifier: Node<'_>) -> bool {
    let extensions = identifier.get("extension").into_iter().flat_map(|list| list.items());
    extensions.filter(|extension| extension.str("url").as_deref() == Some(VERIFICATION)).any(|extension| {
        let codings = extension.at(&["valueCodeableConcept", "coding"]).into_iter().flat_map(|list| list.items());
        codings.into_iter().any(|coding| coding.str("code").as_deref() == Some(VERIFIED))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patient(number: &str, birth_date: Option<&str>, status: &str) -> Option<Identity> {
        let concept = json!({ "coding": [{ "code": status }] });
        let extension = json!([{ "url": VERIFICATION, "valueCodeableConcept": concept }]);
        let identifier = json!([{ "extension": extension, "system": NHS_NUMBER_SYSTEM, "value": number }]);
        let mut value = json!({ "resourceType": "Patient", "identifier": identifier });
        if let Some(date) = birth_date {
            value["birthDate"] = json!(date);
        }
        Identity::of(&Json::from_value(&value))
    }

    #[test]
    fn a_number_needs_a_birth_date_or_verification_on_both_sides() {
        let check = |a: (Option<&str>, &str), b: (Option<&str>, &str), expected: Comparison| {
            let of = |(date, status)| patient("9990000018", date, status).expect("a valid number");
            assert_eq!(of(a).compare(&of(b)), expected, "{a:?} {b:?}");
            assert_eq!(of(b).compare(&of(a)), expected, "{b:?} {a:?}");
        };
        let day = Some("1980-02-03");
        check((day, "02"), (day, ""), Comparison::Same("nhs-number-birth-date"));
        check((day, "01"), (Some("1980-02-04"), "01"), Comparison::Unsure("birth-date-differs"));
        check((day, "01"), (Some("1981"), "01"), Comparison::Unsure("birth-date-differs"));
        check((day, "01"), (Some("1980"), "01"), Comparison::Same("nhs-number-verified"));
        check((day, "01"), (None, "01"), Comparison::Same("nhs-number-verified"));
        check((day, "01"), (None, "02"), Comparison::Unsure("birth-date-not-known"));
        check((Some("1980"), "02"), (Some("1980"), "02"), Comparison::Unsure("birth-date-not-known"));
    }

    #[test]
    fn a_number_that_fails_its_check_is_no_identity() {
        assert_eq!(patient("9990000019", Some("1980-02-03"), "01"), None);
    }
}
