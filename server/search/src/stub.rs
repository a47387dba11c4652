//! STUB until merge.
pub const METRES_PER_DEGREE: f64 = 111_195.0;
pub fn distance_m(_a: (f64, f64), _b: (f64, f64)) -> f64 { 0.0 }
pub fn convert_span(_ends: (f64, f64), _from: &str, _to: &str) -> Option<(f64, f64)> { None }
