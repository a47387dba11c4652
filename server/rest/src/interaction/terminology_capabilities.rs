//! `GET [base]/metadata?mode=terminology`: which code systems are here and what can be asked of them.
//! <https://hl7.org/fhir/R4/terminologycapabilities.html>

use serde_json::{Value, json};

use crate::interaction::capabilities::of_instance;
use crate::operation::expand;
use crate::weir::Weir;

/// The TerminologyCapabilities. What is stored as a resource is left out: it depends on who asks.
pub(crate) fn statement(weir: &Weir) -> Value {
    let validator = weir.validator();
    let definitions = validator.definitions();
    let mut urls: Vec<&str> = definitions.code_system_urls().collect();
    urls.sort_unstable();
    let systems: Vec<Value> = urls.into_iter().map(|url| json!({"uri": url})).collect();
    let parameters: Vec<Value> = expand::PARAMETERS.iter().map(|name| json!({"name": name})).collect();
    let told = json!({
        "codeSystem": systems,
        "expansion": {
            "hierarchical": false,
            "paging": true,
            "incomplete": false,
            "parameter": parameters,
            "textFilter": "Each word must be in the code, its display or a designation; case does not count.",
        },
        "codeSearch": "all",
        "validateCode": {"translations": true},
        "translation": {"needsMap": false},
        "closure": {"translation": false},
    });
    of_instance(weir, "TerminologyCapabilities", told)
}
