//! `CodeSystem/$subsumes`: which of two codes is more general. <https://hl7.org/fhir/R4/codesystem-operation-subsumes.html>

use crate::answer::Answer;
use crate::failure::Failure;
use crate::operation::coding::{answer, coding, one_source, parameter};
use crate::operation::parameters::Parameters;
use crate::perform::Context;
use crate::stored_definitions::{Definition, Gathered};

const PARAMETERS: [&str; 6] = ["codeA", "codeB", "system", "version", "codingA", "codingB"];

/// Parameter `outcome`.
pub(crate) async fn subsumes(context: &Context<'_>) -> Result<Answer, Failure> {
    let parameters = Parameters::read(context.request)?;
    parameters.check_all_known(&PARAMETERS, None)?;
    let mut gathered = Gathered::new(context);
    let named = parameters.one("system")?;
    let system = match (context.request.id.is_some(), named) {
        (true, None) => {
            let Definition::CodeSystem(system) = gathered.instance().await? else { return Err(Failure::internal()) };
            gathered.pin(system)
        }
        (true, Some(_)) => return Err(one_source("the code system", "`system`")),
        (false, named) => named.unwrap_or_default().to_owned(),
    };
    let a = coding(&parameters, ("codeA", "codingA"), &system)?;
    let b = coding(&parameters, ("codeB", "codingB"), &system)?;
    if a.system.is_empty() || b.system.is_empty() {
        return Err(Failure::bad_request("required", "the code system must be given as `system`"));
    }
    let is_other = a.system != b.system || !system.is_empty() && a.system != system;
    if is_other || a.version != b.version {
        let message = "both codes must be of one code system and of one version: how others relate is not known here";
        return Err(Failure::bad_request("not-supported", message));
    }
    gathered.code_systems(std::slice::from_ref(&a.system)).await?;
    let outcome = gathered.known().subsumes((&a.system, a.version.as_deref()), &a.code, &b.code)?;
    Ok(answer(vec![parameter("outcome", "Code", outcome.code())], gathered))
}
