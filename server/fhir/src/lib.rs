//! FHIR R4 data: the lossless JSON tree, issues, dates, ids, references, XML, NHS numbers. No I/O
