//! The lists of security labels that any version was ever given: where a label stands in none of them, no version need be looked at for it.

crate::sql::template_migration! {"
CREATE TABLE labels_used (labels {text} NOT NULL PRIMARY KEY) {clustered};

INSERT INTO labels_used (labels) SELECT labels FROM resource WHERE labels <> '[]'
UNION SELECT labels FROM history WHERE labels <> '[]';
"}
