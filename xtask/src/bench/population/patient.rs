//! Patients, with numbers of the 999 range and names of syllables.

use super::Making;
use super::random::Random;
use super::shared::postcode;
use super::template::fill;

/// Given names with the gender that goes with them here.
pub(super) static GIVEN: [(&str, &str); 32] = [
    ("Alma", "female"),
    ("Bridget", "female"),
    ("Carys", "female"),
    ("Dilys", "female"),
    ("Edith", "female"),
    ("Farah", "female"),
    ("Greta", "female"),
    ("Hazel", "female"),
    ("Imogen", "female"),
    ("Jasmine", "female"),
    ("Kirsty", "female"),
    ("Leila", "female"),
    ("Morag", "female"),
    ("Nadia", "female"),
    ("Olive", "female"),
    ("Priya", "female"),
    ("Alun", "male"),
    ("Barnaby", "male"),
    ("Callum", "male"),
    ("Dafydd", "male"),
    ("Euan", "male"),
    ("Farouk", "male"),
    ("Gareth", "male"),
    ("Hamish", "male"),
    ("Idris", "male"),
    ("Jamal", "male"),
    ("Kenji", "male"),
    ("Lewis", "male"),
    ("Mohan", "male"),
    ("Niall", "male"),
    ("Osman", "male"),
    ("Percy", "male"),
];

static STEMS: [&str; 40] = [
    "Ash", "Bar", "Birch", "Black", "Brad", "Brook", "Carl", "Clay", "Cold", "Dal", "Dun", "East", "Elm", "Fair",
    "Fern", "Gold", "Green", "Hal", "Hart", "Haw", "Kings", "Lang", "Lin", "Marsh", "Mel", "Nether", "North", "Oak",
    "Pem", "Rad", "Raven", "Sedge", "Stan", "Thorn", "Under", "Wal", "West", "Whit", "Wool", "Yar",
];

static ENDINGS: [&str; 20] = [
    "ford", "ley", "ton", "worth", "wick", "ham", "field", "bury", "stead", "combe", "den", "dale", "mere", "hurst",
    "croft", "by", "well", "gate", "stone", "holm",
];

/// Blocks of ten numbers in the 999 range: each holds one that passes, for one in eleven does not and they are not neighbours.
const NHS_BLOCKS: u64 = 100_000;

const PATIENT: &str = r#"{"resourceType":"Patient",$head$"extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory","valueCodeableConcept":{"coding":[{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland","code":"$ethnic$"}]}}],"identifier":[$nhs_number${"system":"https://example.org/hospital-number","value":"$identifier$"}],"active":true,"name":[{"use":"official","family":"$family$","given":["$given$","$second$"],"prefix":["$prefix$"]}],"telecom":[{"system":"phone","value":"07700 900$phone$","use":"mobile"},{"system":"email","value":"$given$.$family$@example.org"}],"gender":"$gender$","birthDate":"$birth_date$","address":[{"use":"home","type":"both","line":["$house$ $street$ Lane"],"city":"$city$","postalCode":"$postcode$","country":"GBR"}],"generalPractitioner":[{"reference":"$organization$"}]}"#;

const NHS_NUMBER: &str = r#"{"extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus","valueCodeableConcept":{"coding":[{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland","code":"01","display":"Number present and verified"}]}}],"system":"https://fhir.nhs.uk/Id/nhs-number","value":"$number$"},"#;

/// The patient.
pub(super) fn patient(making: &mut Making<'_>, out: &mut String) {
    let mut number = String::new();
    if let Some(digits) = nhs_number(making.name.patient) {
        fill(&mut number, NHS_NUMBER, &[("number", &digits)]);
    }
    let (given, gender) = making.random.pick(&GIVEN);
    // From 1930 to 2025.
    let birth_date = date(10_957 + making.random.below(96 * 365));
    let values: [(&str, &str); _] = [
        ("head", &making.head("Patient")),
        ("ethnic", *making.random.pick(&["A", "A", "A", "B", "C", "D", "H", "J", "K", "M", "N", "R", "Z"])),
        ("nhs_number", &number),
        ("identifier", &making.identifier()),
        ("family", &family(&mut making.random)),
        ("given", given),
        ("second", making.random.pick(&GIVEN).0),
        ("prefix", if *gender == "female" { "Ms" } else { "Mr" }),
        ("gender", gender),
        ("phone", &format!("{:03}", making.random.below(1000))),
        ("birth_date", &birth_date),
        ("house", &making.random.between(1, 250).to_string()),
        ("street", &family(&mut making.random)),
        ("city", &family(&mut making.random)),
        ("postcode", &postcode(making)),
        ("organization", &making.organization()),
    ];
    fill(out, PATIENT, &values);
}

/// A name of two syllables; the first ones are more common, as among people.
pub(super) fn family(random: &mut Random) -> String {
    format!("{}{}", random.pick_skewed(&STEMS), random.pick(&ENDINGS))
}

/// The number of a patient: of the 999 range, passing mod 11, and nobody else's. None beyond as many as the range has blocks.
/// <https://www.datadictionary.nhs.uk/attributes/nhs_number.html>
pub(super) fn nhs_number(patient: u64) -> Option<String> {
    if patient >= NHS_BLOCKS {
        return None;
    }
    // 61,001 has no divisor in common with 100,000, so each patient has a block of their own.
    let block = patient * 61_001 % NHS_BLOCKS * 10;
    (block..block + 10).find_map(|middle| {
        let body = format!("999{middle:06}");
        let weighted: u32 =
            body.bytes().zip((2..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        match 11 - weighted % 11 {
            10 => None,
            11 => Some(format!("{body}0")),
            check => Some(format!("{body}{check}")),
        }
    })
}

/// A day, counted from 1 January 1900. <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
pub(super) fn date(days: u64) -> String {
    let shifted = days + 693_901;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
