//! Search parameters and compartments from their definitions.

use serde_json::Value;

use super::read::{list, or_empty, owned, required, texts};
use crate::{CompartmentDef, SearchComponent, SearchParameterDef};

/// Takes a search parameter from its SearchParameter.
pub fn search_parameter(definition: &Value) -> Result<SearchParameterDef, String> {
    Ok(SearchParameterDef {
        url: required(definition, "url")?,
        code: required(definition, "code")?,
        base: texts(definition, "base"),
        kind: required(definition, "type")?,
        expression: owned(definition, "expression"),
        targets: texts(definition, "target"),
        components: list(definition, "component").iter().map(component).collect(),
        modifiers: texts(definition, "modifier"),
        comparators: texts(definition, "comparator"),
    })
}

/// Takes a compartment from its CompartmentDefinition.
pub fn compartment(definition: &Value) -> Result<CompartmentDef, String> {
    let resources = list(definition, "resource").iter();
    let params = resources.map(|resource| (or_empty(resource, "code"), texts(resource, "param")));
    Ok(CompartmentDef {
        code: required(definition, "code")?,
        url: required(definition, "url")?,
        params: params.filter(|(_, codes)| !codes.is_empty()).collect(),
    })
}

fn component(found: &Value) -> SearchComponent {
    SearchComponent { definition: or_empty(found, "definition"), expression: or_empty(found, "expression") }
}
