//! Seals that were changed at random: nothing panics, and nothing that says something else is believed.

use std::sync::LazyLock;

use briq_package::Package;
use briq_package::seal::{self, PrivateKey, PublicKey};
use proptest::prelude::*;

use super::keys::{self, authority, certified, private, trust};
use super::kit;

/// Packed once for all cases; it is mapped, so its file may go.
static PACKAGE: LazyLock<Package> = LazyLock::new(|| {
    let (_folder, target) = kit::packed();
    Package::open(&target).unwrap()
});

/// Places, and the bytes that are put there.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_changed_seal_is_refused_or_says_the_same(changes in changes(), certified_one in any::<bool>()) {
        let key = if certified_one { certified() } else { private(keys::P256) };
        let original = seal::seal(&PACKAGE, &key).unwrap().bytes;
        let mut bytes = original.clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let trusted = if certified_one { authority(keys::ROOT) } else { trust(keys::P256_PUBLIC) };
        if let Ok(signer) = seal::verify_detached(&PACKAGE, &bytes, &trusted) {
            // White space, the unread `keyid`, letters of the hint: what was signed is what was signed.
            prop_assert_eq!(signer, seal::claim(&original).unwrap());
        }
    }

    #[test]
    fn whatever_bytes_come_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>()) {
        let trusted = trust(keys::P256_PUBLIC);
        prop_assert!(seal::verify_detached(&PACKAGE, &bytes, &trusted).is_err());
        let seal = seal::seal(&PACKAGE, &certified()).unwrap().bytes;
        let cut = cut.index(seal.len());
        prop_assert!(seal::verify_detached(&PACKAGE, &seal[..cut], &trusted).is_err());
    }

    #[test]
    fn changed_keys_never_panic(place in any::<prop::sample::Index>(), byte in 0u8..128, which in 0usize..4) {
        let mut text = [keys::P256, keys::P384_SEC1, keys::P256_ENCRYPTED, keys::P384_PUBLIC][which].as_bytes().to_vec();
        let place = place.index(text.len());
        text[place] = byte;
        let text = String::from_utf8(text).unwrap();
        let _ = PrivateKey::from_pem(&text, Some(b"brick"));
        let _ = PublicKey::from_pem(&text);
    }
}
