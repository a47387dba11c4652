//! What an operation is given: by the query, or by a Parameters resource when posted. <https://hl7.org/fhir/R4/operations.html#executing>

use fhir::{Issue, Json, Node};
use search::Handling;

use crate::failure::Failure;
use crate::interaction::written::{check_content_type, parse};
use crate::place;
use crate::request::Request;

/// The input of an operation.
pub(crate) struct Parameters {
    /// Names and values of primitive types, those of the query first.
    pub values: Vec<(String, String)>,
    /// How many of them are of the query.
    of_query: usize,
    /// The body, when there is one.
    body: Option<Json>,
    is_lenient: bool,
}

impl Parameters {
    /// Reads query and body.
    pub(crate) fn read(request: &Request) -> Result<Parameters, Failure> {
        let values = request.params.clone();
        let of_query = values.len();
        let is_lenient = request.conditions.handling == Handling::Lenient;
        if request.body.is_empty() {
            return Ok(Parameters { values, of_query, body: None, is_lenient });
        }
        check_content_type(request)?;
        let body = parse(&request.body)?;
        let mut parameters = Parameters { values, of_query, body: Some(body), is_lenient };
        let mut posted = Vec::new();
        for parameter in parameters.list() {
            let name = parameter.str("name").unwrap_or_default().into_owned();
            let value = parameter.members().find(|(key, _)| key.starts_with("value"));
            match value {
                Some((_, node)) if node.is_object() => {}
                Some((_, node)) => posted.push((name, node.as_str().map_or_else(|| node.raw().into(), Into::into))),
                None if ["resource", "part"].iter().any(|member| parameter.get(member).is_some()) => {}
                None => {
                    let message = "each parameter of the body needs a name and a value or a resource";
                    return Err(Failure::bad_request("invalid", message).at("Parameters.parameter"));
                }
            }
        }
        parameters.values.extend(posted);
        Ok(parameters)
    }

    /// Refuses parameters that the operation does not have: one that is not read would be thought to hold.
    pub(crate) fn check_known(&self, known: &[&str]) -> Result<(), Failure> {
        let is_known = |name: &str| known.contains(&name) || matches!(name, "_format" | "_pretty");
        let Some((unknown, _)) = self.values.iter().find(|(name, _)| !self.is_lenient && !is_known(name)) else {
            return Ok(());
        };
        Err(self.refused(unknown, "not-supported", &not_known(known)))
    }

    /// Refuses parameters of any type that the operation does not have, and a body that is neither Parameters nor of the type that it takes.
    pub(crate) fn check_all_known(&self, known: &[&str], body: Option<&str>) -> Result<(), Failure> {
        self.check_known(known)?;
        let is_taken = |json: &Json| json.resource_type() == Some("Parameters") || json.resource_type() == body;
        if self.body.as_ref().is_some_and(|json| !is_taken(json)) {
            return Err(Failure::bad_request("invalid", "the body must be a Parameters resource"));
        }
        let mut names = self.list().map(|parameter| parameter.str("name").unwrap_or_default());
        if self.is_lenient || names.all(|name| known.contains(&name.as_ref())) {
            return Ok(());
        }
        Err(Failure::bad_request("not-supported", not_known(known)).at("Parameters.parameter"))
    }

    /// A parameter that cannot be taken, where it was given.
    pub(crate) fn refused(&self, name: &str, code: &'static str, message: &str) -> Failure {
        match self.values.iter().position(|(known, _)| known == name) {
            Some(place) if place < self.of_query => Failure::bad_param(name, code, message),
            Some(_) => Failure::bad_request(code, message).at("Parameters.parameter"),
            None => Failure::bad_request(code, message),
        }
    }

    /// The values of a parameter that may come more than once.
    pub(crate) fn every(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The parameters of a name as they stand in the body.
    pub(crate) fn nodes(&self, name: &str) -> impl Iterator<Item = Node<'_>> {
        self.list().filter(move |parameter| parameter.str("name").as_deref() == Some(name))
    }

    /// The body when it is a resource of a type.
    pub(crate) fn whole_body(&self, type_name: &str) -> Option<Node<'_>> {
        self.body.as_ref().filter(|body| body.resource_type() == Some(type_name)).map(Json::root)
    }

    /// The value of a parameter that may come once.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Failure> {
        let mut found = self.values.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let first = found.next();
        match found.next() {
            None => Ok(first),
            Some(_) => Err(self.refused(name, "value", &format!("parameter `{name}` may come once only"))),
        }
    }

    /// The value of a parameter that may come once and is true or false.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        self.one(name)?
            .map(|text| {
                let message = format!("parameter `{name}` must be true or false");
                text.parse().map_err(|_| self.refused(name, "value", &message))
            })
            .transpose()
    }

    /// The value of a parameter that may come once and is a number from 1 on.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u32>, Failure> {
        match self.number(name)? {
            Some(0) => Err(self.refused(name, "value", &format!("parameter `{name}` must be a positive number"))),
            count => Ok(count),
        }
    }

    /// The value of a parameter that may come once and is a number from 0 on.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, Failure> {
        self.one(name)?
            .map(|text| {
                let message = format!("parameter `{name}` must be a number that is not negative");
                text.parse().map_err(|_| self.refused(name, "value", &message))
            })
            .transpose()
    }

    /// A member of the body's parameter of that name, as `resource` or `valueMeta`.
    pub(crate) fn part(&self, name: &str, member: &str) -> Option<Node<'_>> {
        self.list().find(|parameter| parameter.str("name").as_deref() == Some(name))?.get(member)
    }

    /// The parameter `resource`, or the body itself when it is no Parameters.
    pub(crate) fn resource(&self) -> Result<Option<Json>, Failure> {
        match (&self.body, self.part("resource", "resource")) {
            (_, Some(node)) => parse(node.raw().as_bytes()).map(Some),
            (Some(body), None) if body.resource_type() != Some("Parameters") => Ok(Some(body.clone())),
            _ => Ok(None),
        }
    }

    /// Gives issues of [`Parameters::resource`] their places in what was sent.
    pub(crate) fn place(&self, request: &Request, issues: &mut [Issue]) {
        let own = |parameter: &Node<'_>| parameter.str("name").as_deref() == Some("resource");
        let part = self.list().enumerate().find(|(_, parameter)| own(parameter));
        match part.and_then(|(position, parameter)| Some((position, parameter.get("resource")?))) {
            Some((position, node)) => {
                place::of_part(request, (node, &format!("Parameters.parameter[{position}].resource")), issues);
            }
            None => place::of_sent(request, issues),
        }
    }

    /// The parameters of the body.
    pub(crate) fn list(&self) -> impl Iterator<Item = Node<'_>> {
        let body = self.body.as_ref().filter(|body| body.resource_type() == Some("Parameters"));
        body.and_then(|body| body.root().get("parameter")).into_iter().flat_map(|list| list.items())
    }
}

fn not_known(known: &[&str]) -> String {
    match known {
        [] => "the operation takes no parameters of a primitive type".to_owned(),
        _ => format!("the operation takes {} only; another parameter was given", known.join(", ")),
    }
}
