//! FHIRPath over the JSON tree
