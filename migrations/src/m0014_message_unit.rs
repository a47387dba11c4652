//! Parts of a message (an entry of a record, a row of a file) that are in quarantine while the rest of it is stored, and when
//! what a message tells had happened, so that an older message never takes the place of a newer one.

crate::sql::template_migration! {"
CREATE TABLE message_unit (
    message_key {int} NOT NULL, unit {text} NOT NULL, code {text} NOT NULL, issues {text} NOT NULL,
    PRIMARY KEY (message_key, unit)
) {clustered};

ALTER TABLE message_resource ADD COLUMN event_time {int};
"}
