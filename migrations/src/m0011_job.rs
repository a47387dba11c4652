//! Long work: jobs, their output files, and the evidence of what they disclosed, which outlives them.

crate::sql::template_migration! {"
CREATE TABLE job (
    id {text} NOT NULL PRIMARY KEY,
    kind {text} NOT NULL,
    client_id {text} NOT NULL,
    request {text} NOT NULL,
    state {text} NOT NULL,
    progress {text},
    lease {text},
    lease_until {int},
    attempts {int} NOT NULL,
    created {int} NOT NULL,
    finished {int},
    expires {int} NOT NULL,
    result {text}
);
CREATE INDEX job_state ON job (state, kind, created);
CREATE INDEX job_client ON job (client_id, created);
CREATE INDEX job_expires ON job (expires);

CREATE TABLE job_file (
    job_id {text} NOT NULL,
    name {text} NOT NULL,
    type {text} NOT NULL,
    kind {text} NOT NULL,
    resources {int} NOT NULL,
    size_bytes {int} NOT NULL,
    PRIMARY KEY (job_id, name)
) {clustered};

CREATE TABLE job_evidence (
    job_id {text} NOT NULL PRIMARY KEY,
    kind {text} NOT NULL,
    client_id {text} NOT NULL,
    recorded {int} NOT NULL,
    evidence {text} NOT NULL
);
CREATE INDEX job_evidence_recorded ON job_evidence (recorded);
"}
