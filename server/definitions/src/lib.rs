//! What FHIR R4 defines, as one immutable table: elements, search parameters, compartments, value sets
