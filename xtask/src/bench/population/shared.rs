//! Organisations and practitioners, shared by all patients.

use super::Making;
use super::patient::{GIVEN, family};
use super::template::fill;

const ORGANIZATION: &str = r#"{"resourceType":"Organization",$head$"identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"$ods_code$"}],"active":true,"name":"$name$","telecom":[{"system":"phone","value":"01632 960$phone$","use":"work"}],"address":[{"use":"work","type":"physical","line":["$line$"],"city":"$city$","postalCode":"$postcode$","country":"GBR"}]}"#;

const PRACTITIONER: &str = r#"{"resourceType":"Practitioner",$head$"identifier":[{"system":"https://fhir.nhs.uk/Id/sds-user-id","value":"$user$"},{"system":"https://fhir.hl7.org.uk/Id/gmc-number","value":"C$gmc$"}],"active":true,"name":[{"use":"official","family":"$family$","given":["$given$"],"prefix":["Dr"]}],"telecom":[{"system":"phone","value":"01632 961$phone$","use":"work"}],"gender":"$gender$"}"#;

/// An organisation: a practice, one in ten a trust.
pub(super) fn organization(making: &mut Making<'_>, out: &mut String) {
    let is_trust = making.name.index.is_multiple_of(10);
    let place = family(&mut making.random);
    let name = if is_trust {
        format!("{place} University Hospitals NHS Foundation Trust")
    } else {
        format!("{place} Road Surgery")
    };
    let values: [(&str, &str); _] = [
        ("head", &making.head("Organization")),
        ("ods_code", &format!("X{:05}", making.name.index)),
        ("name", &name),
        ("phone", &format!("{:03}", making.random.below(1000))),
        ("line", &format!("{} {place} Road", making.random.between(1, 200))),
        ("city", &place),
        ("postcode", &postcode(making)),
    ];
    fill(out, ORGANIZATION, &values);
}

/// A practitioner.
pub(super) fn practitioner(making: &mut Making<'_>, out: &mut String) {
    let (given, gender) = making.random.pick(&GIVEN);
    let values: [(&str, &str); _] = [
        ("head", &making.head("Practitioner")),
        ("user", &making.identifier()),
        ("gmc", &format!("{:07}", making.random.below(10_000_000))),
        ("family", &family(&mut making.random)),
        ("given", given),
        ("phone", &format!("{:03}", making.random.below(1000))),
        ("gender", gender),
    ];
    fill(out, PRACTITIONER, &values);
}

/// A postcode of an area that does not exist.
pub(super) fn postcode(making: &mut Making<'_>) -> String {
    let random = &mut making.random;
    let letter = |number: u64| char::from(b'A' + u8::try_from(number % 26).unwrap_or_default());
    let (first, last) = (random.below(26), random.below(26));
    format!("XX{} {}{}{}", random.between(1, 40), random.below(10), letter(first), letter(last))
}
