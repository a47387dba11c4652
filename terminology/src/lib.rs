//! Codes: is this code in that value set, what does it mean
