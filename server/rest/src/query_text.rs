//! Names and values of a query or a form, strictly: what is no text in percent-encoding is refused, where
//! <https://url.spec.whatwg.org/#urlencoded-parsing> would put another value in its place and the search would be for that.

use crate::failure::Failure;
use crate::perform::plain;

/// The parameters of `a=1&b=2`, decoded, in order.
pub(crate) fn params(text: &[u8]) -> Result<Vec<(String, String)>, Failure> {
    text.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()).map(param).collect()
}

fn param(piece: &[u8]) -> Result<(String, String), Failure> {
    let end = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
    let (name, value) = piece.split_at(end);
    let Some(name) = decoded(name) else {
        return Err(Failure::bad_request("structure", "the name of a parameter is not UTF-8 in percent-encoding"));
    };
    match decoded(value.strip_prefix(b"=").unwrap_or_default()) {
        Some(value) => Ok((name, value)),
        None => {
            let what = plain(&name, "a parameter");
            let message = format!("the value of {what} is not UTF-8 in percent-encoding, in which `%25` is a `%`");
            Err(Failure::bad_param(&name, "structure", message))
        }
    }
}

fn decoded(text: &[u8]) -> Option<String> {
    let digit = |byte: Option<u8>| u8::try_from(char::from(byte?).to_digit(16)?).ok();
    let mut bytes = text.iter().copied();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => digit(bytes.next())? << 4 | digit(bytes.next())?,
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_refused_and_the_rest_is_read_as_browsers_write_it() {
        let check = |text: &str, expected: Option<&[(&str, &str)]>| {
            let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
            };
            assert_eq!(params(text.as_bytes()).ok(), expected.map(owned), "{text}");
        };
        check("", Some(&[]));
        check("a=1&b=2&&c", Some(&[("a", "1"), ("b", "2"), ("c", "")]));
        check("a%3Aexact=x+y%20z=%25", Some(&[("a:exact", "x y z=%")]));
        check("name=Ze%C3%AB", Some(&[("name", "Zeë")]));
        for refused in ["a=%FF", "a=%zz", "a=%", "a=%4", "%FF=1", "a=%+4", "a=%C3"] {
            check(refused, None);
        }
    }
}
