//! Strict Ed25519 verification without the work that decides nothing.
//!
//! It says exactly what `verify_strict` of ed25519-dalek says (RFC 8032 §5.1.7, cofactorless, canonical S and R, no R of small
//! order). That function decompresses R, in order to refuse an R that is no point or has a small order; computes
//! `P = [S]B − [k]A`; and compares the canonical encoding of P with R. Where the two are equal, R *is* the encoding of P: it
//! decompresses, and to P, whose order can be asked directly. Where they are not, the answer is no whatever R is. The
//! decompression, a square root and a tenth of the whole, is left out; the tests hold the answer against dalek's on signatures
//! made to be judged differently. P is the same point whether it comes from [`Multiples`] or not; all that is judged, is judged on it.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha512};

use super::multiples::Multiples;

/// Whether the signature is by `key`, which has neither a small order nor a torsion component: its import saw to that.
///
/// `multiples` are those of the key's point taken negatively, see [`negative`].
pub(super) fn verify(
    key: &VerifyingKey,
    multiples: Option<&Multiples>,
    message: &[u8],
    signature: &[u8; 64],
) -> bool {
    let (r, s) = signature.split_at(32);
    let mut encoded = [0; 32];
    encoded.copy_from_slice(s);
    let Some(s) = Scalar::from_canonical_bytes(encoded).into_option() else {
        return false;
    };
    let mut hash = Sha512::new();
    hash.update(r);
    hash.update(key.as_bytes());
    hash.update(message);
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let point = match multiples {
        Some(multiples) => multiples.double_scalar_mul_basepoint(&k, &s),
        None => EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &negative(key), &s),
    };
    point.compress().as_bytes() == r && !point.is_small_order()
}

/// The point that the scalar of the hash belongs to: −A.
pub(super) fn negative(key: &VerifyingKey) -> EdwardsPoint {
    -key.to_edwards()
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    use ed25519_dalek::{Signature, Signer as _, SigningKey};
    use proptest::prelude::*;

    use super::*;

    /// Asks dalek and us on both paths, who must all agree.
    fn judged(key: &VerifyingKey, message: &[u8], signature: &[u8; 64]) -> bool {
        judged_by(key, &Multiples::of(&negative(key)), message, signature)
    }

    fn judged_by(key: &VerifyingKey, multiples: &Multiples, message: &[u8], signature: &[u8; 64]) -> bool {
        let theirs = key.verify_strict(message, &Signature::from_bytes(signature));
        let ours = verify(key, None, message, signature);
        assert_eq!(ours, theirs.is_ok(), "{signature:?}");
        let by_table = verify(key, Some(multiples), message, signature);
        assert_eq!(by_table, ours, "{signature:?}");
        ours
    }

    /// A signature over `message` whose R is any point: what somebody with the private key can make.
    fn forged(secret: Scalar, nonce: Scalar, off: EdwardsPoint, message: &[u8]) -> (VerifyingKey, [u8; 64]) {
        let key = VerifyingKey::from(EdwardsPoint::mul_base(&secret));
        let r = (EdwardsPoint::mul_base(&nonce) + off).compress();
        let mut hash = Sha512::new();
        hash.update(r.as_bytes());
        hash.update(key.as_bytes());
        hash.update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(r.as_bytes());
        signature[32..].copy_from_slice((nonce + k * secret).as_bytes());
        (key, signature)
    }

    fn scalar(seed: u64) -> Scalar {
        Scalar::from(seed) * Scalar::from(u64::MAX) + Scalar::ONE
    }

    #[test]
    fn r_with_a_torsion_component_or_of_small_order_is_refused_as_by_dalek() {
        for torsion in EIGHT_TORSION {
            for nonce in [Scalar::ZERO, scalar(3)] {
                let (key, signature) = forged(scalar(5), nonce, torsion, b"permit");
                let honest = torsion == EIGHT_TORSION[0] && nonce != Scalar::ZERO;
                assert_eq!(judged(&key, b"permit", &signature), honest, "{torsion:?}");
            }
        }
    }

    #[test]
    fn other_spellings_of_r_and_s_are_refused_as_by_dalek() {
        let (key, good) = forged(scalar(5), scalar(3), EIGHT_TORSION[0], b"permit");
        assert!(judged(&key, b"permit", &good));
        // S + ℓ, little-endian.
        let order: [u8; 32] = {
            let mut minus_one = (-Scalar::ONE).to_bytes();
            minus_one[0] += 1;
            minus_one
        };
        let mut longer = good;
        let mut carry = 0_u16;
        for (digit, add) in longer[32..].iter_mut().zip(order) {
            let sum = u16::from(*digit) + u16::from(add) + carry;
            *digit = u8::try_from(sum & 0xff).unwrap();
            carry = sum >> 8;
        }
        assert!(!judged(&key, b"permit", &longer));
        // y = p + 1 is the identity in a second spelling, with either sign; so is y = 1 with the sign of minus zero.
        let mut identity = [0xff; 32];
        identity[0] = 0xee;
        identity[31] = 0x7f;
        for spelling in [
            identity,
            {
                identity[31] = 0xff;
                identity
            },
            [0xff; 32],
            [0; 32],
        ] {
            let mut other = good;
            other[..32].copy_from_slice(&spelling);
            assert!(!judged(&key, b"permit", &other));
        }
        let mut negative_zero = good;
        negative_zero[..32].fill(0);
        negative_zero[0] = 1;
        negative_zero[31] = 0x80;
        assert!(!judged(&key, b"permit", &negative_zero));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let signer = SigningKey::from_bytes(&[9; 32]);
        let key = signer.verifying_key();
        let multiples = Multiples::of(&negative(&key));
        let good = signer.sign(b"permit").to_bytes();
        for bit in 0..512 {
            let mut flipped = good;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!judged_by(&key, &multiples, b"permit", &flipped), "bit {bit}");
        }
    }

    /// Scalars whose digits lie where signs and carries change, and the largest there is.
    #[test]
    fn the_table_makes_the_same_point_at_every_edge() {
        let point = EdwardsPoint::mul_base(&scalar(11));
        let multiples = Multiples::of(&point);
        let mut scalars = vec![Scalar::ZERO, Scalar::ONE, -Scalar::ONE];
        for byte in [1, 127, 128, 129, 254, 255] {
            let mut all = [byte; 32];
            all[31] = 0x0f;
            scalars.push(Scalar::from_bytes_mod_order(all));
            for place in 0..31 {
                let mut one = [0; 32];
                one[place] = byte;
                scalars.push(Scalar::from_bytes_mod_order(one));
            }
        }
        for a in &scalars {
            for b in [a, &scalars[0], &scalars[2]] {
                let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(a, &point, b);
                assert_eq!(
                    multiples.double_scalar_mul_basepoint(a, b),
                    expected,
                    "{a:?} {b:?}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn signatures_are_accepted_and_strange_bytes_judged_alike(
            seed: [u8; 32],
            message in proptest::collection::vec(any::<u8>(), 0..200),
            strange: [[u8; 32]; 2],
        ) {
            let signer = SigningKey::from_bytes(&seed);
            let key = signer.verifying_key();
            prop_assert!(judged(&key, &message, &signer.sign(&message).to_bytes()));
            let mut other = [0; 64];
            other[..32].copy_from_slice(&strange[0]);
            other[32..].copy_from_slice(&strange[1]);
            judged(&key, &message, &other);
            // A small S is canonical, and R is then a point more often than not.
            other[63] &= 0x0f;
            judged(&key, &message, &other);
            other[..32].copy_from_slice(ED25519_BASEPOINT_POINT.compress().as_bytes());
            judged(&key, &message, &other);
        }
    }
}
