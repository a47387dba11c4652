//! Where in a resource the walk is; written out as FHIRPath only when an issue needs it.

use std::fmt::Write as _;

/// A step of the walk, linked to the step that led to it, so that walking allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    name: &'p str,
    index: Option<usize>,
    of_type: Option<&'p str>,
}

impl<'p> Path<'p> {
    /// Starts at a resource.
    pub(crate) fn root(type_name: &'p str) -> Self {
        Self { parent: None, name: type_name, index: None, of_type: None }
    }

    /// Goes to a child element.
    pub(crate) fn child(&'p self, name: &'p str) -> Path<'p> {
        Path { parent: Some(self), name, index: None, of_type: None }
    }

    /// Says which item of a list it is.
    pub(crate) fn at(self, index: usize) -> Self {
        Self { index: Some(index), ..self }
    }

    /// Says which type a choice element took.
    pub(crate) fn of_type(self, of_type: &'p str) -> Self {
        Self { of_type: Some(of_type), ..self }
    }

    /// Writes the path as FHIRPath, as `Patient.name[0].given[1]` or `Observation.value.ofType(Quantity)`.
    pub(crate) fn expression(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// Gives the step before.
    pub(crate) fn parent(&self) -> Option<&'p Path<'p>> {
        self.parent
    }

    /// Gives the name of the element.
    pub(crate) fn name(&self) -> &'p str {
        self.name
    }

    /// Gives the names from the innermost resource on, as `contact.name`.
    pub(crate) fn names_in_resource(&self) -> String {
        let mut names = Vec::new();
        let mut current = self;
        while let Some(parent) = current.parent {
            if matches!(current.name, "resource" | "contained") {
                break;
            }
            names.push(current.name);
            current = parent;
        }
        names.reverse();
        names.join(".")
    }

    /// Names the resource type at which the path starts.
    pub(crate) fn type_name(&self) -> &'p str {
        self.parent.map_or(self.name, Self::type_name)
    }

    fn write(&self, text: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(text);
            text.push('.');
        }
        text.push_str(self.name);
        // Writing to a String cannot fail.
        if let Some(of_type) = self.of_type {
            let _ = write!(text, ".ofType({of_type})");
        }
        if let Some(index) = self.index {
            let _ = write!(text, "[{index}]");
        }
    }
}
