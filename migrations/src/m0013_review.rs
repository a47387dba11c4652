//! Questions of identity that a person has to decide.

crate::sql::template_migration! {"
CREATE TABLE review (
    review_key {auto_key},
    patient_id {text} NOT NULL,
    other_patient_id {text},
    person_key {int},
    reason {text} NOT NULL,
    opened {int} NOT NULL,
    state {text} NOT NULL,
    decided_by {text},
    decided_at {int}
);
CREATE UNIQUE INDEX review_question
    ON review (patient_id, (COALESCE(other_patient_id, '')), (COALESCE(person_key, 0)), reason);
CREATE INDEX review_state ON review (state, review_key);
"}
