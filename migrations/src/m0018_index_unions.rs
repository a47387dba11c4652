//! Takes away the index rows of search parameters that find just what others find together: those of Observation whose code begins with
//! `combo-`. They are found under the others. A test of the store holds that these are their numbers.

crate::sql::template_migration! {"
DELETE FROM token_index WHERE param IN (281125155, 311920100, 1126456857, 1298105419, 1657278832, 1839650661);
DELETE FROM text_index WHERE param IN (281125155, 311920100, 1126456857, 1298105419, 1657278832, 1839650661);
DELETE FROM quantity_index WHERE param IN (281125155, 311920100, 1126456857, 1298105419, 1657278832, 1839650661);
DELETE FROM composite_index WHERE param IN (281125155, 311920100, 1126456857, 1298105419, 1657278832, 1839650661);
"}
