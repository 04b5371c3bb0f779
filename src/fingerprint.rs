//! Fingerprints: 64 bits that stand for a text, or for the texts of a unique key. Equal texts have equal ones; the others
//! nearly always differ, so who finds an equal one compares the texts.
//!
//! They are stored, so their function never changes: SipHash-2-4 over each text's length and bytes. Its key is random, one
//! for each store: nobody who chooses the texts can choose which fingerprints meet.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// Makes the fingerprints of one store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fingerprints {
    key: [u8; 16],
}

impl Fingerprints {
    /// Those under this key.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// The fingerprint of these texts in this order.
    pub fn of<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        for text in texts {
            hasher.write(&(text.len() as u64).to_le_bytes());
            hasher.write(text.as_bytes());
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are those of another implementation, which has the paper's test vector.
    #[test]
    fn they_never_change() {
        let store = Fingerprints::new(*b"0123456789abcdef");
        for (texts, fingerprint) in [
            (&["13800138000"][..], 0x79DE_31B4_8F1A_4383),
            (&["Bonn", "138"], 0x3227_FC8C_C27A_99E2),
            (&["", ""], 0x6B33_B0E1_FF39_FC21),
        ] {
            assert_eq!(store.of(texts.iter().copied()), fingerprint, "{texts:?}");
        }
    }

    #[test]
    fn texts_are_kept_apart_and_stores_too() {
        let store = Fingerprints::new([7; 16]);
        assert_ne!(store.of(["a", "bc"]), store.of(["ab", "c"]));
        assert_ne!(store.of(["a", ""]), store.of(["", "a"]));
        assert_ne!(store.of(["a"]), Fingerprints::new([8; 16]).of(["a"]));
    }
}
