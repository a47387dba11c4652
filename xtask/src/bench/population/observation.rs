//! Observations: vital signs, blood pressures with their components, laboratory results.

use super::Making;
use super::clinical::{day, hour};
use super::codes::{HEART_RATE, LABS, Measure, VITAL_SIGNS};
use super::template::fill;

/// Of a hundred observations these are heart rates, those up to the next blood pressures, then other vital signs; the rest laboratory results.
const HEART_RATES: u64 = 20;
const BLOOD_PRESSURES_TO: u64 = 32;
const VITAL_SIGNS_TO: u64 = 52;

const OBSERVATION: &str = r#"{"resourceType":"Observation",$head$"identifier":[{"system":"https://example.org/result","value":"$identifier$"}],"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"$category$","display":"$category_text$"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"$snomed$","display":"$display$"},{"system":"http://loinc.org","code":"$loinc$","display":"$display$"}],"text":"$display$"},"subject":{"reference":"$patient$"},"encounter":{"reference":"$encounter$"},"effectiveDateTime":"$date$T$hour$:$minute$:00+00:00","performer":[{"reference":"$practitioner$"},{"reference":"$organization$"}],$value$}"#;

const QUANTITY: &str = r#""valueQuantity":{"value":$value$,"unit":"$unit$","system":"http://unitsofmeasure.org","code":"$ucum$"},"referenceRange":[{"low":{"value":$low$,"unit":"$unit$","system":"http://unitsofmeasure.org","code":"$ucum$"},"high":{"value":$high$,"unit":"$unit$","system":"http://unitsofmeasure.org","code":"$ucum$"}}]"#;

const COMPONENTS: &str = r#""component":[{"code":{"coding":[{"system":"http://snomed.info/sct","code":"271649006","display":"Systolic blood pressure"},{"system":"http://loinc.org","code":"8480-6","display":"Systolic blood pressure"}],"text":"Systolic blood pressure"},"valueQuantity":{"value":$systolic$,"unit":"millimeter of mercury","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},{"code":{"coding":[{"system":"http://snomed.info/sct","code":"271650006","display":"Diastolic blood pressure"},{"system":"http://loinc.org","code":"8462-4","display":"Diastolic blood pressure"}],"text":"Diastolic blood pressure"},"valueQuantity":{"value":$diastolic$,"unit":"millimeter of mercury","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]"#;

/// What an observation says, apart from where and when.
struct Said {
    codes: (&'static str, &'static str),
    display: &'static str,
    profile: &'static str,
    is_vital_sign: bool,
    value: String,
}

/// A measurement.
pub(super) fn observation(making: &mut Making<'_>, out: &mut String) {
    let said = match making.random.below(100) {
        0..HEART_RATES => quantity(making, &HEART_RATE),
        HEART_RATES..BLOOD_PRESSURES_TO => blood_pressure(making),
        BLOOD_PRESSURES_TO..VITAL_SIGNS_TO => {
            let measure = making.random.pick(&VITAL_SIGNS);
            quantity(making, measure)
        }
        _ => {
            let measure = making.random.pick_skewed(&LABS);
            quantity(making, measure)
        }
    };
    let (category, category_text) =
        if said.is_vital_sign { ("vital-signs", "Vital Signs") } else { ("laboratory", "Laboratory") };
    let values: [(&str, &str); _] = [
        ("head", &making.head(said.profile)),
        ("identifier", &making.identifier()),
        ("category", category),
        ("category_text", category_text),
        ("snomed", said.codes.1),
        ("loinc", said.codes.0),
        ("display", said.display),
        ("patient", &making.patient()),
        ("encounter", &making.encounter()),
        ("date", &day(&mut making.random)),
        ("hour", &hour(&mut making.random)),
        ("minute", &format!("{:02}", making.random.below(60))),
        ("practitioner", &making.practitioner()),
        ("organization", &making.organization()),
        ("value", &said.value),
    ];
    fill(out, OBSERVATION, &values);
}

fn quantity(making: &mut Making<'_>, measure: &'static Measure) -> Said {
    let (low, high) = measure.tenths;
    let mut value = String::with_capacity(320);
    let values: [(&str, &str); _] = [
        ("value", &tenths(making.random.between(low, high))),
        ("unit", measure.unit),
        ("ucum", measure.ucum),
        ("low", &tenths(low)),
        ("high", &tenths(high)),
    ];
    fill(&mut value, QUANTITY, &values);
    Said {
        codes: (measure.loinc, measure.snomed),
        display: measure.display,
        profile: measure.profile,
        is_vital_sign: measure.is_vital_sign,
        value,
    }
}

fn blood_pressure(making: &mut Making<'_>) -> Said {
    let systolic = making.random.between(90, 190);
    let diastolic = making.random.between(50, 110).min(systolic - 20);
    let mut value = String::with_capacity(640);
    fill(&mut value, COMPONENTS, &[("systolic", &systolic.to_string()), ("diastolic", &diastolic.to_string())]);
    Said {
        codes: ("85354-9", "75367002"),
        display: "Blood pressure",
        profile: "Observation-VitalSigns-BloodPressure",
        is_vital_sign: true,
        value,
    }
}

fn tenths(number: u64) -> String {
    format!("{}.{}", number / 10, number % 10)
}
