//! Bearer tokens, as they come in a header (RFC 6750, section 2.1).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::digest::Digest;

/// The token of one request. It has no `Debug`, so that it cannot end up in a log.
pub struct BearerToken(String);

/// There is no telling whose request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Ambiguous(&'static str);

impl BearerToken {
    /// Takes the token out of a request's headers, so that nothing behind sees it. Other schemes than `Bearer` are none.
    pub(crate) fn take(headers: &mut HeaderMap) -> Result<Option<Self>, Ambiguous> {
        if headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
            return Err(Ambiguous("more than one Authorization header"));
        }
        let Some(value) = headers.remove(AUTHORIZATION) else { return Ok(None) };
        let text = value.to_str().map_err(|_| Ambiguous("an Authorization header that is not text"))?;
        let mut words = text.split_ascii_whitespace();
        if !words.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) {
            return Ok(None);
        }
        match (words.next(), words.next()) {
            (None, _) => Ok(None),
            (Some(token), None) => Ok(Some(Self(token.to_owned()))),
            (Some(_), Some(_)) => Err(Ambiguous("more than one token in the Authorization header")),
        }
    }

    /// The token itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of([self.0.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(values: &[&'static [u8]]) -> Result<Option<String>, Ambiguous> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, http::HeaderValue::from_bytes(value).unwrap());
        }
        let token = BearerToken::take(&mut headers)?.map(|token| token.0);
        assert!(headers.is_empty());
        Ok(token)
    }

    #[test]
    fn the_scheme_has_no_case_and_blanks_do_not_count() {
        for value in [b"Bearer abc".as_slice(), b"bearer abc", b" BEARER   abc "] {
            assert_eq!(token(&[value]), Ok(Some("abc".to_owned())));
        }
    }

    #[test]
    fn other_schemes_and_empty_tokens_are_none() {
        for value in [b"".as_slice(), b"Bearer", b"Bearer  ", b"Basic YTpi", b"Bearerabc"] {
            assert_eq!(token(&[value]), Ok(None));
        }
        assert_eq!(token(&[]), Ok(None));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        assert!(token(&[b"Bearer a", b"Bearer b"]).is_err());
        assert!(token(&[b"Bearer a b"]).is_err());
        assert!(token(&[b"Bearer \xff"]).is_err());
    }
}
