//! `Patient/[id]/$purge`: erases a patient. For administrators; audited before and after. R4 does not define it, R6 does:
//! <https://hl7.org/fhir/6.0.0-ballot2/patient-operation-purge.html>

use fhir::Issue;

use crate::answer::{Answer, Outcome};
use crate::failure::Failure;
use crate::operation::parameters::Parameters;
use crate::perform::{Context, audit_before};

/// An OperationOutcome that says what is gone and what stays.
pub(crate) async fn purge(context: &Context<'_>) -> Result<Answer, Failure> {
    Parameters::read(context.request)?.check_known(&[])?;
    let id = context.request.id_str();
    audit_before(context).await?;
    let erased = context.weir.store.erase_patient(context.grant, id).await?;
    let message = format!("erased: {} resources with all versions, {} messages", erased.resources, erased.messages);
    let mut issues = vec![Issue::information("informational", message)];
    if !erased.kept.is_empty() {
        let message = format!("about somebody else too, so still there: {}", erased.kept.join(", "));
        issues.push(Issue::warning("incomplete", message));
    }
    if erased.messages_kept > 0 {
        let message = format!("messages that tell of somebody else too, so still there: {}", erased.messages_kept);
        issues.push(Issue::warning("incomplete", message));
    }
    if !erased.same_person.is_empty() {
        let message = format!("Patients of the same person, still there: {}", erased.same_person.join(", "));
        issues.push(Issue::warning("incomplete", message));
    }
    let mut answer = Answer::outcome(Outcome::Ok, &issues);
    answer.touched.resources.push(format!("Patient/{id}"));
    answer.touched.patients.push(id.to_owned());
    Ok(answer)
}
