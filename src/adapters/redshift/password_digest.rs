//! The login of a user whose password is stored as SHA-256 (code 13), which the client library doesn't know.
//!
//! No page of AWS's describes it; this is what AWS's own drivers do, <https://pypi.org/project/redshift-connector/2.2.0/>
//! (`handle_AUTHENTICATION_REQUEST` in `core.py`, `utils/extensible_digest.py`) and
//! <https://github.com/aws/amazon-redshift-jdbc-driver> (`AUTH_REQ_DIGEST` in `ConnectionFactoryImpl.java`). Numbers are of four
//! bytes, the highest first:
//!
//! ```text
//! server: R, length, 13, algorithm, length of the salt, salt, length of the nonce, nonce
//! client: d, length, length of the digest, digest, length of the nonce, nonce
//! digest = SHA-256(SHA-256(password, salt), the server's nonce, the client's nonce)
//! ```
//!
//! As with MD5, whoever plays the server learns what a guess at the password can be tried against, with a salt of his choice. So
//! it is given where MD5 is, and the client's nonce can't be foreseen: no table can be made beforehand.

use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::guard::Refused;

/// Longest request, as its length counts it. Salt and nonce take some dozens of bytes each.
pub(super) const LONGEST: usize = 1024;

/// The one algorithm that there is.
const SHA_256: u32 = 0;

/// What the client sends to a request, whose bytes are those behind its code.
pub(super) fn answer(request: &[u8], password: &SecretString) -> Result<Vec<u8>, Refused> {
    answer_with(request, password, &client_nonce())
}

/// Drivers of AWS's send the time in milliseconds, in decimal digits. This looks the same to whoever reads it as a number of 64
/// bits, and can't be foreseen.
fn client_nonce() -> [u8; 18] {
    let mut random = rand::rng();
    std::array::from_fn(|_| random.random_range(b'1'..=b'9'))
}

fn answer_with(request: &[u8], password: &SecretString, client_nonce: &[u8]) -> Result<Vec<u8>, Refused> {
    let Request { salt, server_nonce } = Request::read(request)?;
    let stored = Sha256::new().chain_update(password.expose_secret()).chain_update(salt).finalize();
    let digest = Sha256::new().chain_update(stored).chain_update(server_nonce).chain_update(client_nonce).finalize();
    let body = [counted(&digest), counted(client_nonce)].concat();
    Ok([&b"d"[..], &number(body.len() + 4), &body].concat())
}

/// What the server asks.
struct Request<'b> {
    salt: &'b [u8],
    server_nonce: &'b [u8],
}

impl<'b> Request<'b> {
    fn read(bytes: &'b [u8]) -> Result<Self, Refused> {
        let malformed = Refused::MalformedDigestRequest;
        let (algorithm, rest) = bytes.split_first_chunk().ok_or(malformed)?;
        if u32::from_be_bytes(*algorithm) != SHA_256 {
            return Err(Refused::DigestAlgorithm(u32::from_be_bytes(*algorithm)));
        }
        let (salt, rest) = split_counted(rest).ok_or(malformed)?;
        let (server_nonce, rest) = split_counted(rest).ok_or(malformed)?;
        if rest.is_empty() { Ok(Self { salt, server_nonce }) } else { Err(malformed) }
    }
}

/// Bytes behind their number, and what is behind them.
fn split_counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&number(bytes.len())[..], bytes].concat()
}

fn number(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn request(algorithm: u32, salt: &[u8], nonce: &[u8]) -> Vec<u8> {
        [&algorithm.to_be_bytes()[..], &counted(salt), &counted(nonce)].concat()
    }

    #[test]
    fn the_answer_is_that_of_awss_driver() {
        let asked = request(0, &(0..32).collect::<Vec<u8>>(), &[0xab; 32]);
        let answer = answer_with(&asked, &"Abcd1234ü".into(), b"1700000000000").unwrap();
        // What redshift_connector 2.2.0 puts on the wire for the same, at that time of its clock.
        let expected = concat!(
            "64000000390000002093057d7b37582ca446f70947ddffb9be6f007d307476eaa1cae2fda7",
            "862591db0000000d31373030303030303030303030"
        );
        assert_eq!(answer.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
    }

    #[test]
    fn no_two_answers_are_alike() {
        let asked = request(0, b"salt", b"nonce");
        let password = SecretString::from("Abcd1234");
        assert_ne!(answer(&asked, &password).unwrap(), answer(&asked, &password).unwrap());
        assert!(client_nonce().iter().all(u8::is_ascii_digit));
    }

    #[test]
    fn another_algorithm_is_refused_by_its_number() {
        for algorithm in [1, 13, u32::MAX] {
            let refused = answer(&request(algorithm, b"salt", b"nonce"), &"Abcd1234".into());
            assert_eq!(refused, Err(Refused::DigestAlgorithm(algorithm)));
        }
    }

    #[test]
    fn a_request_that_is_cut_or_has_more_in_it_is_refused() {
        let whole = request(0, b"salt", b"nonce");
        for length in 0..whole.len() {
            assert_eq!(answer(&whole[..length], &"Abcd1234".into()), Err(Refused::MalformedDigestRequest), "{length}");
        }
        for more in [&[0][..], &[0; 4]] {
            assert_eq!(answer(&[&whole, more].concat(), &"x".into()), Err(Refused::MalformedDigestRequest));
        }
        let beyond = [&0_u32.to_be_bytes()[..], &u32::MAX.to_be_bytes(), b"salt"].concat();
        assert_eq!(answer(&beyond, &"x".into()), Err(Refused::MalformedDigestRequest));
    }
}
