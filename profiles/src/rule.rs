//! The compiled form of a profile: a sparse tree that holds only what the profile and its ancestors add to the base type.

use definitions::BindingStrength;
use serde_json::Value;

use crate::constraint::Constraint;
use crate::extension_context::ContextRules;
use crate::limits::Limits;

/// A profile with everything that it inherits from other profiles merged in.
#[derive(Debug)]
pub(crate) struct ProfileRules {
    pub(crate) url: String,
    pub(crate) type_name: String,
    /// The profiles it derives from, nearest first.
    pub(crate) ancestors: Vec<String>,
    pub(crate) root: Rule,
    /// Whether the extension that it defines may change the meaning of what it stands on.
    pub(crate) is_modifier: bool,
    /// Where the extension that it defines may stand.
    pub(crate) context: ContextRules,
    /// What is wrong with the definition itself; its other rules are held all the same.
    pub(crate) faults: Vec<String>,
}

/// What is asked of one element; an empty field adds nothing to the base type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule {
    pub(crate) min: Option<u32>,
    pub(crate) max: Option<u32>,
    pub(crate) types: Vec<TypeRule>,
    pub(crate) binding: Option<Binding>,
    pub(crate) fixed: Option<Value>,
    pub(crate) pattern: Option<Value>,
    pub(crate) limits: Limits,
    pub(crate) must_support: bool,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) slicing: Option<Slicing>,
    pub(crate) slices: Vec<Slice>,
    pub(crate) children: Vec<Child>,
}

/// The rule of a child element.
#[derive(Debug, Clone)]
pub(crate) struct Child {
    /// The name without `[x]`.
    pub(crate) name: String,
    /// The property that carries id and extensions of a primitive.
    pub(crate) shadow_name: String,
    pub(crate) is_choice: bool,
    /// The type of the element where there is only one.
    pub(crate) type_code: Option<String>,
    /// The path of the backbone element that it is in the base type.
    pub(crate) backbone: Option<String>,
    pub(crate) rule: Rule,
}

/// One slice of a list.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub(crate) name: String,
    pub(crate) rule: Rule,
    /// What makes an item belong to the slice; `None` when it cannot be told here.
    pub(crate) tests: Option<Vec<SliceTest>>,
}

/// A condition on the value at a path below the item.
#[derive(Debug, Clone)]
pub(crate) struct SliceTest {
    pub(crate) path: Vec<Step>,
    pub(crate) kind: SliceTestKind,
}

/// A step of a discriminator's path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// To a child element, by its name without `[x]`.
    Child(String),
    /// `resolve()`: to the target of the reference.
    Resolve,
    /// `ofType()`: stays where the value has the type.
    OfType(String),
    /// `extension()`: to the extension of a url.
    Extension(String),
}

#[derive(Debug, Clone)]
pub(crate) enum SliceTestKind {
    Fixed(Value),
    Pattern(Value),
    MemberOf(String),
    Exists,
    Absent,
    /// Of one of the types.
    Type(Vec<String>),
    /// Meets one of the profiles.
    Profile(Vec<String>),
    /// An object that passes each test, where the slice fixes parts of the discriminator's element apart.
    All(Vec<SliceTest>),
}

#[derive(Debug, Clone)]
pub(crate) struct Slicing {
    pub(crate) discriminators: Vec<Discriminator>,
    pub(crate) is_closed: bool,
    pub(crate) is_open_at_end: bool,
    pub(crate) is_ordered: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Discriminator {
    pub(crate) kind: String,
    pub(crate) path: String,
}

#[derive(Debug, Clone)]
pub(crate) struct TypeRule {
    pub(crate) code: String,
    pub(crate) profiles: Vec<String>,
    pub(crate) target_profiles: Vec<String>,
    /// Where the target of a reference may lie: `contained`, `referenced`, `bundled`; anywhere when empty.
    pub(crate) aggregation: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) strength: BindingStrength,
    pub(crate) value_set: String,
    /// The value set that no code may leave, however loose the binding.
    pub(crate) value_set_max: Option<String>,
    /// Further value sets that hold, as additional bindings give them.
    pub(crate) additional: Vec<(BindingStrength, String)>,
}

impl Rule {
    /// Finds the rule of a child by its name without `[x]`.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name).map(|child| &child.rule)
    }
}

impl From<&definitions::Binding> for Binding {
    fn from(binding: &definitions::Binding) -> Self {
        Self {
            strength: binding.strength,
            value_set: binding.value_set.clone(),
            value_set_max: binding.max_value_set.clone(),
            additional: Vec::new(),
        }
    }
}
