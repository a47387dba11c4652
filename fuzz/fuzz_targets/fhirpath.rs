//! Feeds the FHIRPath compiler, then evaluates and checks what it took: no panic, and an end within the budget.

#![no_main]

use std::sync::OnceLock;

use definitions::Definitions;
use fhir::Json;
use fhirpath::{Context, Expression, NoHost, Temporal};
use libfuzzer_sys::fuzz_target;

/// A resource with most of what an expression can meet.
const PATIENT: &[u8] = br##"{"resourceType":"Patient","id":"p","active":true,"birthDate":"1974-12-25",
"_gender":{"extension":[{"url":"urn:why","valueQuantity":{"value":1.50,"unit":"g","code":"g"}}]},
"name":[{"family":"Ash","given":["Ada","Bea"]},{"given":["Cy"]}],"deceasedDateTime":"2020-02-29T10:30:00Z",
"contained":[{"resourceType":"Organization","id":"o"}],"managingOrganization":{"reference":"#o"}}"##;
/// A thousandth of what a server allows, so that many inputs are tried.
const STEPS_MAX: u64 = 20_000;

static DEFINITIONS: OnceLock<Option<(Definitions, Json)>> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let known = DEFINITIONS.get_or_init(|| Definitions::r4().ok().zip(Json::parse(PATIENT).ok()));
    let (Some((definitions, patient)), Ok(source)) = (known, std::str::from_utf8(data)) else { return };
    let Ok(expression) = Expression::parse(source) else { return };
    let _ = expression.check("Patient", definitions);
    let mut context = Context::new(patient.root(), definitions, &NoHost);
    context.steps_max = STEPS_MAX;
    context.now = Temporal::from_instant(0);
    let Some(focus) = context.resource.clone() else { return };
    for is_strict in [false, true] {
        context.is_strict = is_strict;
        for value in expression.evaluate(&focus, &context).unwrap_or_default() {
            let _ = (value.to_json(), value.to_text());
        }
    }
});
