//! Descriptions of variants as far as their form tells: <https://hgvs-nomenclature.org/stable/recommendations/general/>.

/// The url of the HGVS nomenclature as a code system.
pub(crate) const HGVS: &str = "http://varnomen.hgvs.org";

/// What a description is of: coding, circular, genomic, mitochondrial, not coding DNA, RNA, protein.
const KINDS: [char; 7] = ['c', 'o', 'g', 'm', 'n', 'r', 'p'];
/// The bases of DNA and RNA, and the letters of IUPAC for one of several.
const NUCLEOTIDES: &str = "ACGTUNRYSWKMBDHV";

/// Says whether a code may be a description of a variant: a reference sequence, `:`, what it is of, `.`, and nucleotides alone on the
/// right of a substitution's `>`. What else stands there is not looked at.
pub(crate) fn is_hgvs(code: &str) -> bool {
    let Some((reference, description)) = code.rsplit_once(':') else { return false };
    let mut letters = description.chars();
    let kind = letters.next().filter(|kind| KINDS.contains(kind));
    let (Some(kind), Some('.')) = (kind, letters.next()) else { return false };
    if reference.is_empty() || letters.as_str().is_empty() {
        return false;
    }
    let is_nucleotide = |letter: char| NUCLEOTIDES.contains(letter.to_ascii_uppercase());
    kind == 'p'
        || letters.as_str().split('>').skip(1).all(|after| {
            let end = after.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(after.len());
            let (bases, _) = after.split_at(end);
            !bases.is_empty() && bases.chars().all(is_nucleotide)
        })
}
