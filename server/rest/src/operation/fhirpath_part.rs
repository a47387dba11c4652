//! A value of FHIRPath as a part of Parameters, named by its type; what no type of `value[x]` carries goes into an extension as JSON.

use fhirpath::{Element, Precision, Temporal, Value as Item};
use serde_json::{Value, json};

use crate::weir::Weir;

/// The extension that holds JSON.
pub(super) const JSON_VALUE: &str = "http://fhir.forms-lab.com/StructureDefinition/json-value";

const UCUM_SYSTEM: &str = "http://unitsofmeasure.org";

/// The part; `None` for a reference that could not be followed.
pub(super) fn part(item: &Item<'_>, weir: &Weir) -> Option<Value> {
    Some(match item {
        Item::Node(element) => return of_element(element, weir),
        Item::Boolean(value) => json!({"name": "boolean", "valueBoolean": value}),
        Item::String(text) if text.is_empty() => json!({"name": "empty-string"}),
        Item::String(text) => json!({"name": "string", "valueString": text}),
        Item::Integer(value) => json!({"name": "integer", "valueInteger": value}),
        Item::Decimal(_) => json!({"name": "decimal", "valueDecimal": item.to_json()?}),
        Item::Date(_) => json!({"name": "date", "valueDate": item.to_json()?}),
        Item::DateTime(moment) if is_whole(moment) => json!({"name": "dateTime", "valueDateTime": item.to_json()?}),
        Item::Time(time) if time.precision() >= Precision::Second => {
            json!({"name": "time", "valueTime": item.to_json()?})
        }
        Item::Quantity(quantity) => {
            let mut value = item.to_json()?;
            let coded =
                [("system", UCUM_SYSTEM), ("code", &quantity.unit)].map(|(key, text)| (key.to_owned(), json!(text)));
            value.as_object_mut()?.extend(coded.into_iter().filter(|_| !quantity.is_calendar()));
            json!({"name": "Quantity", "valueQuantity": value})
        }
        Item::DateTime(_) => embedded("dateTime", &item.to_json()?),
        Item::Time(_) => embedded("time", &item.to_json()?),
        Item::Type(..) => embedded("TypeInfo", &item.to_json()?),
    })
}

/// Whether FHIR has a dateTime like that: with a time it has seconds and an offset.
fn is_whole(moment: &Temporal) -> bool {
    moment.precision() <= Precision::Day || (moment.precision() >= Precision::Second && moment.has_offset())
}

fn of_element(element: &Element<'_>, weir: &Weir) -> Option<Value> {
    let name = element.type_path().unwrap_or("Element");
    let value = element.node.map(|node| node.to_value());
    if let Some(resource) = value.as_ref().filter(|value| value.get("resourceType").is_some()) {
        return Some(json!({"name": name, "resource": resource}));
    }
    // An extension takes every type of value that Parameters take.
    let key = weir.definitions.type_named("Extension")?.child("value").filter(|value| value.has_type(name));
    let Some(key) = key.map(|element| element.json_name(name)) else {
        return Some(embedded(name, &value.or_else(|| Some(element.sibling?.to_value()))?));
    };
    let sibling = element.sibling.map(|sibling| (format!("_{key}"), sibling.to_value()));
    let members: serde_json::Map<_, _> = value.map(|value| (key, value)).into_iter().chain(sibling).collect();
    let name = std::iter::once(("name".to_owned(), json!(name)));
    (!members.is_empty()).then(|| Value::Object(name.chain(members).collect()))
}

fn embedded(name: &str, value: &Value) -> Value {
    json!({"name": name, "extension": [{"url": JSON_VALUE, "valueString": value.to_string()}]})
}
