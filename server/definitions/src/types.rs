//! Resources, datatypes and their elements: <https://hl7.org/fhir/R4/structuredefinition.html>.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What sort of type a [`TypeDef`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TypeKind {
    /// Has a `resourceType`.
    Resource,
    /// An object inside a resource.
    Complex,
    /// A JSON string, number or boolean.
    Primitive,
}

/// A resource, a complex datatype or a primitive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeDef {
    /// The name, as `Patient` or `dateTime`.
    pub name: String,
    /// What sort of type it is.
    pub kind: TypeKind,
    /// The type that it extends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The form of a primitive's text, to be matched as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// No instance is of just this type.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_abstract: bool,
    /// The rules on the type as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<ConstraintDef>,
    /// The direct elements in their order, those of the base type first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<ElementDef>,
}

/// An element of a type; the elements of a backbone element are its `children`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ElementDef {
    /// The full path, as `Observation.value[x]`.
    pub path: String,
    /// The name as in JSON; of `value[x]` it is `value`.
    pub name: String,
    /// The JSON name ends with the type: `valueQuantity`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_choice: bool,
    /// The least number of values.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min: u32,
    /// The greatest number of values; `None` is any number.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub max: Option<u32>,
    /// The types a value may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<TypeRef>,
    /// The path of the element whose children are this one's, as `Bundle.link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_reference: Option<String>,
    /// Which codes it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// The only value it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Value>,
    /// What its value must have at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Value>,
    /// Is in the summary form.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_summary: bool,
    /// May change the meaning of the rest.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_modifier: bool,
    /// The rules on each of its values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<ConstraintDef>,
    /// The elements of a backbone element, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ElementDef>,
}

/// A type that an element's value may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeRef {
    /// The name of the type.
    pub code: String,
    /// The profiles of which the value must meet one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// For references: the profiles of which the target must meet one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_profiles: Vec<String>,
}

/// Which codes an element takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// How strictly.
    pub strength: BindingStrength,
    /// The url of the value set, without a version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value_set: String,
    /// The url of the value set that holds for all codes although the binding is loose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value_set: Option<String>,
}

/// How strictly a binding holds: <https://hl7.org/fhir/R4/valueset-binding-strength.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BindingStrength {
    /// The codes are instances only.
    Example,
    /// The codes are encouraged.
    Preferred,
    /// Other codes only where none of these fits.
    Extensible,
    /// These codes only.
    Required,
}

/// A rule in FHIRPath.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstraintDef {
    /// The key, as `ele-1`.
    pub key: String,
    /// How bad a breach is.
    pub severity: ConstraintSeverity,
    /// The rule; empty when there is none that a machine can read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expression: String,
    /// The rule is advice.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_best_practice: bool,
}

/// How bad a breach of a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConstraintSeverity {
    /// The resource is wrong.
    Error,
    /// The resource could be better.
    Warning,
}

/// What a property name of JSON stands for.
#[derive(Clone, Copy, Debug)]
pub struct Property<'d> {
    /// The element.
    pub element: &'d ElementDef,
    /// The type that the name tells; `None` when the element has no type of its own (content reference).
    pub type_ref: Option<&'d TypeRef>,
}

impl TypeDef {
    /// Finds the element and the type for a property name of JSON, as `valueQuantity`.
    #[must_use]
    pub fn property(&self, json_name: &str) -> Option<Property<'_>> {
        property(&self.elements, json_name)
    }

    /// Gives the element of a name, as `value` for `value[x]`.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&ElementDef> {
        self.elements.iter().find(|element| element.name == name)
    }
}

impl ElementDef {
    /// Finds the child and the type for a property name of JSON.
    #[must_use]
    pub fn property(&self, json_name: &str) -> Option<Property<'_>> {
        property(&self.children, json_name)
    }

    /// Gives the child of a name, as `value` for `value[x]`.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&ElementDef> {
        self.children.iter().find(|element| element.name == name)
    }

    /// Gives the JSON name for one of the types of a choice, as `valueQuantity`; of others the name.
    #[must_use]
    pub fn json_name(&self, type_code: &str) -> String {
        if !self.is_choice {
            return self.name.clone();
        }
        let mut letters = type_code.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        self.name.chars().chain(first).chain(letters).collect()
    }

    /// Says whether JSON writes the values as an array.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.max != Some(1)
    }

    /// Says whether a type is among those a value may have.
    #[must_use]
    pub fn has_type(&self, code: &str) -> bool {
        self.types.iter().any(|type_ref| type_ref.code == code)
    }
}

fn property<'d>(elements: &'d [ElementDef], json_name: &str) -> Option<Property<'d>> {
    elements.iter().find_map(|element| {
        let suffix = json_name.strip_prefix(element.name.as_str())?;
        if !element.is_choice {
            return suffix.is_empty().then(|| Property { element, type_ref: element.types.first() });
        }
        let type_ref = element.types.iter().find(|type_ref| is_capitalised(suffix, &type_ref.code))?;
        Some(Property { element, type_ref: Some(type_ref) })
    })
}

fn is_capitalised(suffix: &str, code: &str) -> bool {
    let (mut suffix, mut code) = (suffix.chars(), code.chars());
    suffix.next() == code.next().map(|letter| letter.to_ascii_uppercase()) && suffix.as_str() == code.as_str()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn one() -> Option<u32> {
    Some(1)
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn is_one(value: &Option<u32>) -> bool {
    *value == Some(1)
}
