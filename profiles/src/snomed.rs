//! Codes of SNOMED CT as far as their form tells: <https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification/snomed-ct-identifiers>.

/// The url of SNOMED CT as a code system.
pub(crate) const SNOMED_CT: &str = "http://snomed.info/sct";

/// The dihedral group of order 10, by which the check digit is worked out.
const PRODUCT: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];
const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/// Says whether a code may be one of SNOMED CT: an identifier whose check digit is right, or an expression.
#[must_use]
pub fn is_snomed_code(code: &str) -> bool {
    if !code.bytes().all(|byte| byte.is_ascii_digit()) {
        // Post-coordinated expressions join identifiers by these.
        return code.contains([':', '+', '=', '|']) && code.contains(|letter: char| letter.is_ascii_digit());
    }
    (6..=18).contains(&code.len()) && !code.starts_with('0') && has_check_digit(code)
}

/// Verhoeff's check digit.
fn has_check_digit(code: &str) -> bool {
    let mut check = 0_usize;
    for (position, byte) in code.bytes().rev().enumerate() {
        let mut digit = usize::from(byte - b'0');
        for _ in 0..position % 8 {
            digit = PERMUTATION.get(digit).copied().map_or(0, usize::from);
        }
        check = PRODUCT.get(check).and_then(|row| row.get(digit)).copied().map_or(0, usize::from);
    }
    check == 0
}
