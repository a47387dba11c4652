//! Persons, the patients that point to them, what is about which patient, and what restricts a person.
//!
//! `patient_key` is the target key of the Patient, so that a resource may refer to a Patient that comes later, and a merge of
//! persons rewrites no clinical row. A restriction stands with the patient of the resource that states it, and holds for
//! the person to whom that patient points now.

crate::sql::template_migration! {"
CREATE TABLE person (person_key {key}, created {int} NOT NULL);
CREATE TABLE patient (patient_key {key}, person_key {int} NOT NULL);
CREATE INDEX patient_person ON patient (person_key, patient_key);

CREATE TABLE compartment (
    patient_key {int} NOT NULL, type {text} NOT NULL, res_key {int} NOT NULL,
    PRIMARY KEY (patient_key, type, res_key)
) {clustered};

CREATE TABLE person_event (
    event_key {auto_key},
    at {int} NOT NULL,
    kind {text} NOT NULL,
    from_person {int} NOT NULL,
    to_person {int} NOT NULL,
    reason {text} NOT NULL,
    patients {text} NOT NULL,
    undone {int} NOT NULL
);

CREATE TABLE restriction (
    restriction_key {auto_key},
    patient_key {int} NOT NULL,
    source_res_key {int} NOT NULL,
    purpose {text} NOT NULL,
    class {text} NOT NULL,
    actor {text} NOT NULL,
    start_ms {int},
    end_ms {int}
);
CREATE INDEX restriction_patient ON restriction (patient_key, class);
CREATE INDEX restriction_source ON restriction (source_res_key);
CREATE INDEX restriction_class ON restriction (class);
"}
