//! `ValueSet/$validate-code` and `CodeSystem/$validate-code`: whether a code may be used.
//! <https://hl7.org/fhir/R4/valueset-operation-validate-code.html>, <https://hl7.org/fhir/R4/codesystem-operation-validate-code.html>

use definitions::{ConceptDef, ValueSetDef};
use serde_json::Value;
use terminology::{CannotTell, Known, Membership, is_display};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::operation::coding::{Coding, answer, cannot_tell, codings, one_source, parameter, value_set};
use crate::operation::parameters::Parameters;
use crate::perform::Context;
use crate::stored_definitions::{Definition, Gathered};

/// What R4 has for both, but for `context` and `date`.
const SHARED: [&str; 7] = ["url", "code", "display", "coding", "codeableConcept", "abstract", "displayLanguage"];

/// Parameters `result`, `message` and `display`.
pub(crate) async fn validate_code(context: &Context<'_>) -> Result<Answer, Failure> {
    let parameters = Parameters::read(context.request)?;
    if context.request.type_str() == "CodeSystem" {
        in_system(context, &parameters).await
    } else {
        in_set(context, &parameters).await
    }
}

async fn in_set(context: &Context<'_>, parameters: &Parameters) -> Result<Answer, Failure> {
    let own = ["valueSet", "valueSetVersion", "system", "systemVersion"];
    parameters.check_all_known(&[&SHARED[..], &own].concat(), Some("ValueSet"))?;
    let codings = codings(parameters, ("system", "systemVersion"))?;
    if parameters.one("code")?.is_some() && parameters.one("system")?.is_none() {
        return Err(Failure::bad_request("required", "with `code`, its code system must be given as `system`"));
    }
    let mut gathered = Gathered::new(context);
    let set = value_set(parameters, &mut gathered, context.request.id.is_some()).await?;
    told(Within::Set(&set), parameters, &codings, gathered).await
}

async fn in_system(context: &Context<'_>, parameters: &Parameters) -> Result<Answer, Failure> {
    parameters.check_all_known(&[&SHARED[..], &["codeSystem", "version"]].concat(), None)?;
    let mut gathered = Gathered::new(context);
    let inline = parameters.part("codeSystem", "resource");
    let mut codings = codings(parameters, ("url", "version"))?;
    let given = match (context.request.id.is_some(), inline, parameters.one("url")?) {
        (true, None, None) => Some(gathered.instance().await?),
        (false, Some(inline), None) => Some(Definition::read(inline)?),
        (false, None, _) => None,
        _ => return Err(one_source("the code system", "`codeSystem` or `url`")),
    };
    let system = match given {
        Some(Definition::CodeSystem(system)) => gathered.pin(system),
        Some(_) => return Err(Failure::bad_request("invalid", "parameter `codeSystem` must be a CodeSystem")),
        None => parameters.one("url")?.unwrap_or_default().to_owned(),
    };
    if parameters.one("code")?.is_some() {
        codings.iter_mut().for_each(|coding| coding.system.clone_from(&system));
    }
    if system.is_empty() && codings.iter().any(|coding| coding.system.is_empty()) {
        return Err(one_source("the code system", "`codeSystem` or `url`"));
    }
    let within = Within::System { url: &system, version: parameters.one("version")? };
    told(within, parameters, &codings, gathered).await
}

/// Looks each code up, and tells what is known of one that may be used.
async fn told(
    within: Within<'_>,
    parameters: &Parameters,
    codings: &[Coding],
    mut gathered: Gathered<'_>,
) -> Result<Answer, Failure> {
    let systems: Vec<String> = codings.iter().map(|coding| coding.system.clone()).collect();
    gathered.code_systems(&systems).await?;
    let check = Check::read(parameters)?;
    let told = {
        let known = gathered.known();
        let mut candidates = Vec::new();
        for coding in codings {
            let (membership, concept) = within.judge(&known, coding)?;
            candidates.push(Candidate { coding, membership, concepts: [within.listed(coding), concept] });
        }
        check.tell(&candidates, within.refusal())?
    };
    Ok(answer(told, gathered))
}

/// What a code is looked for in.
enum Within<'w> {
    Set(&'w ValueSetDef),
    /// A code system; its url is empty when each code names its own.
    System {
        url: &'w str,
        version: Option<&'w str>,
    },
}

impl<'w> Within<'w> {
    fn judge<'k>(&self, known: &Known<'k>, coding: &Coding) -> Result<(Membership, Option<&'k ConceptDef>), Failure> {
        let own_version = coding.version.as_deref();
        match *self {
            Within::Set(_) if coding.system.is_empty() => Ok((Membership::NotMember, None)),
            Within::Set(set) => {
                let membership = known.contains(set, &coding.system, &coding.code)?;
                if membership != Membership::Member {
                    return Ok((membership, None));
                }
                match known.lookup(&coding.system, own_version, &coding.code) {
                    Ok((_, concept)) => Ok((membership, concept)),
                    Err(error) if own_version.is_some() => Err(error.into()),
                    // The value set may list a code of a system that is not here.
                    Err(_) => Ok((membership, None)),
                }
            }
            Within::System { url, .. } if !url.is_empty() && coding.system != url => Ok((Membership::NotMember, None)),
            Within::System { version, .. } => {
                match known.lookup(&coding.system, own_version.or(version), &coding.code) {
                    Ok((_, concept)) => Ok((Membership::Member, concept)),
                    Err(CannotTell::NoCode { .. }) => Ok((Membership::NotMember, None)),
                    Err(CannotTell::NotComplete { system }) => Ok((Membership::NotChecked { missing: system }, None)),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// What the value set itself says of a code.
    fn listed(&self, coding: &Coding) -> Option<&'w ConceptDef> {
        let Within::Set(set) = *self else { return None };
        let parts = set.include.iter().filter(|part| part.system.as_deref() == Some(coding.system.as_str()));
        parts.flat_map(|part| &part.concepts).find(|concept| concept.code == coding.code)
    }

    fn refusal(&self) -> &'static str {
        match self {
            Within::Set(_) => "the code is not in the value set",
            Within::System { .. } => "the code is not in the code system",
        }
    }
}

struct Candidate<'c> {
    coding: &'c Coding,
    membership: Membership,
    concepts: [Option<&'c ConceptDef>; 2],
}

impl Candidate<'_> {
    fn display(&self, language: Option<&str>) -> Option<String> {
        let concepts = || self.concepts.into_iter().flatten();
        let is_asked = |own: Option<&str>| language.is_some_and(|wanted| terminology::is_language(own, wanted));
        let translated = concepts()
            .flat_map(|one| &one.designations)
            .find(|one| is_asked(one.language.as_deref()))
            .map(|one| one.value.clone());
        translated.or_else(|| concepts().find_map(|one| one.display.clone()))
    }
}

/// What is asked of a code beside its being there.
struct Check {
    language: Option<String>,
    refuses_abstract: bool,
}

impl Check {
    fn read(parameters: &Parameters) -> Result<Check, Failure> {
        Ok(Check {
            language: parameters.one("displayLanguage")?.map(str::to_owned),
            refuses_abstract: parameters.flag("abstract")? == Some(false),
        })
    }

    /// The answer: one code that may be used is enough; a doubt about the others does not matter then.
    fn tell(&self, candidates: &[Candidate<'_>], otherwise: &str) -> Result<Vec<Value>, Failure> {
        let Some(found) = candidates.iter().find(|one| one.membership == Membership::Member) else {
            let doubt = candidates.iter().find_map(|one| match &one.membership {
                Membership::NotChecked { missing } => Some(missing),
                Membership::Member | Membership::NotMember => None,
            });
            return match doubt {
                Some(missing) => Err(cannot_tell(missing)),
                None => Ok(vec![parameter("result", "Boolean", false), parameter("message", "String", otherwise)]),
            };
        };
        let display = found.display(self.language.as_deref());
        let concept = |is: fn(&ConceptDef) -> bool| found.concepts.into_iter().flatten().any(is);
        let mut messages = Vec::new();
        let mut is_valid = true;
        if concept(|one| one.is_abstract) {
            is_valid &= !self.refuses_abstract;
            messages.push("the code only groups others and is not meant for data");
        }
        if concept(|one| one.is_inactive) {
            messages.push("the code is retired");
        }
        if let Some(text) = &found.coding.display {
            if display.is_none() {
                messages.push("the display was not checked: none is known for this code");
            } else if !is_display(found.concepts, text, self.language.as_deref()) {
                is_valid = false;
                messages.push("the display is not one of this code");
            }
        }
        let mut told = vec![parameter("result", "Boolean", is_valid)];
        if !messages.is_empty() {
            told.push(parameter("message", "String", messages.join("; ")));
        }
        told.extend(display.map(|display| parameter("display", "String", display)));
        Ok(told)
    }
}
