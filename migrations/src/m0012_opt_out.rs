//! The register of opt-out requests and answers.
//!
//! A part holds the keyed hashes of up to 65,536 numbers in order, and one bit for each that was returned. Nothing in it can
//! be searched by number without the key, which lies in the control data.

crate::sql::template_migration! {"
CREATE TABLE opt_out_request (
    id {text} NOT NULL PRIMARY KEY,
    key_generation {int} NOT NULL,
    asked_at {int} NOT NULL,
    asked_count {int} NOT NULL,
    answered_at {int},
    returned_count {int}
);

CREATE TABLE opt_out_part (
    request_id {text} NOT NULL,
    part {int} NOT NULL,
    numbers {bytes} NOT NULL,
    returned {bytes},
    PRIMARY KEY (request_id, part)
);
"}
