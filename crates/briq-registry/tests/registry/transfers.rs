//! Push and pull, over every registry.

use std::sync::{Arc, Mutex};

use briq_registry::{Progress, PushOptions, Snapshot};
use briq_spec::{DataType, Machine, Selector};
use briq_store::Repository;

use crate::peers::all;
use crate::samples::{Sample, digits, store, version};

#[tokio::test]
async fn a_package_comes_back_identical() {
    for (peer, _guard) in all().await {
        let (folder, store) = store();
        let package = Sample::default().write(folder.path());
        let client = peer.client();
        let pushed = client.push(&package, &PushOptions::default()).await.unwrap();
        assert!(!pushed.already_there);

        let remote =
            client.resolve(&digits(), &"^1".parse().map(Selector::Requirement).unwrap(), &Machine::ANY).await.unwrap();
        assert_eq!((remote.description.digest, remote.manifest), (package.digest(), pushed.manifest));
        let pulled = client.pull(&remote, &store, &Progress::none()).await.unwrap();
        assert_eq!(pulled.repository, Repository::remote(&peer.host, digits()));
        let rebuilt = folder.path().join("rebuilt.briq");
        store.package(&package.digest()).unwrap().assemble(&rebuilt).unwrap();
        let original = folder.path().join("team-digits-1.0.0-3000000.briq");
        assert_eq!(std::fs::read(rebuilt).unwrap(), std::fs::read(original).unwrap());

        assert!(client.push(&package, &PushOptions::default()).await.unwrap().already_there);
        assert!(client.pull(&remote, &store, &Progress::none()).await.unwrap().already_there);
    }
}

#[tokio::test]
async fn versions_and_aliases_are_tags() {
    for (peer, _guard) in all().await {
        let (folder, client) = (tempfile::tempdir().unwrap(), peer.client());
        assert!(client.versions(&digits()).await.unwrap().is_empty());
        for number in ["1.10.0", "1.2.0", "2.0.0-rc.1", "0.1.0+build.7"] {
            client.push(&version(folder.path(), number), &PushOptions::default()).await.unwrap();
        }
        let versions: Vec<_> = client.versions(&digits()).await.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(versions, ["0.1.0+build.7", "1.2.0", "1.10.0", "2.0.0-rc.1"]);
        let cases = [("*", "1.10.0"), ("~1.2", "1.2.0"), ("^2.0.0-rc", "2.0.0-rc.1"), ("^0.1", "0.1.0+build.7")];
        for (requirement, expected) in cases {
            let selector = Selector::Requirement(requirement.parse().unwrap());
            let found = client.resolve(&digits(), &selector, &Machine::ANY).await.unwrap();
            assert_eq!(found.description.version.to_string(), expected);
        }
        let error =
            client.resolve(&digits(), &Selector::Requirement("^9".parse().unwrap()), &Machine::ANY).await.unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.hint().unwrap(), "there are 0.1.0+build.7, 1.2.0, 1.10.0, 2.0.0-rc.1");

        let production: briq_spec::Alias = "production".parse().unwrap();
        for number in ["1.2.0", "1.10.0"] {
            client.set_alias(&digits(), &production, &number.parse().unwrap()).await.unwrap();
            let found = client.resolve(&digits(), &Selector::Alias(production.clone()), &Machine::ANY).await.unwrap();
            assert_eq!(found.description.version.to_string(), number);
            let digest = found.description.digest;
            let again = client.resolve(&digits(), &Selector::Digest(digest), &Machine::ANY).await.unwrap();
            assert_eq!(again.manifest, found.manifest);
        }
        assert_eq!(client.versions(&digits()).await.unwrap().len(), 4);
        let error = client.set_alias(&digits(), &production, &"7.0.0".parse().unwrap()).await.unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}

#[tokio::test]
async fn refuses_other_bytes_under_the_same_version() {
    for (peer, _guard) in all().await {
        let (folder, client) = (tempfile::tempdir().unwrap(), peer.client());
        let push = async |weights: &[u8]| {
            let package = Sample { weights: weights.to_vec(), ..Sample::default() }.write(folder.path());
            client.push(&package, &PushOptions::default()).await
        };
        push(b"one").await.unwrap();
        let error = push(b"other").await.unwrap_err();
        assert!(error.is_conflict(), "{error}");
        let expected = format!("cannot push {}/team/digits 1.0.0: the version exists with other bytes", peer.host);
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn refuses_a_signature_that_breaks_a_compatible_version() {
    for (peer, _guard) in all().await {
        let (folder, client) = (tempfile::tempdir().unwrap(), peer.client());
        let push = async |version: &str, datatype| {
            let package = Sample { version, datatype, weights: vec![1; 100], ..Sample::default() }.write(folder.path());
            client.push(&package, &PushOptions::default()).await
        };
        push("1.2.0", DataType::Fp32).await.unwrap();
        assert!(push("1.3.0", DataType::Int64).await.unwrap_err().is_incompatible());
        assert!(push("1.1.0", DataType::Int64).await.unwrap_err().is_incompatible());
        push("2.0.0", DataType::Int64).await.unwrap();
        push("1.3.0", DataType::Fp32).await.unwrap();
        assert_eq!(client.versions(&digits()).await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn mounts_what_another_repository_has() {
    for (peer, _guard) in all().await {
        let (folder, store) = store();
        let client = peer.client();
        client.push(&Sample::default().write(folder.path()), &PushOptions::default()).await.unwrap();
        let tuned = Sample { name: "team/tuned", ..Sample::default() }.write(folder.path());
        let options = PushOptions { mount_from: Some(digits()), ..PushOptions::default() };
        client.push(&tuned, &options).await.unwrap();
        let remote = client.resolve(&"team/tuned".parse().unwrap(), &Selector::Any, &Machine::ANY).await.unwrap();
        client.pull(&remote, &store, &Progress::none()).await.unwrap();
        store.package(&tuned.digest()).unwrap().verify().unwrap();
    }
}

#[tokio::test]
async fn keeps_packages_in_a_folder_of_the_registry() {
    for (peer, _guard) in all().await {
        let (folder, store) = store();
        let package = version(folder.path(), "1.0.0");
        let endpoint = format!("{}/acme/models", peer.host).parse().unwrap();
        let client = briq_registry::Client::new(endpoint, Default::default()).unwrap();
        let pushed = client.push(&package, &PushOptions::default()).await.unwrap();
        assert_eq!(pushed.repository.as_str(), "acme/models/team/digits");
        let remote = peer.client().resolve(&pushed.repository, &Selector::Any, &Machine::ANY).await.unwrap();
        peer.client().pull(&remote, &store, &Progress::none()).await.unwrap();
        assert_eq!(store.repositories().unwrap(), [Repository::remote(&peer.host, pushed.repository)]);
    }
}

#[tokio::test]
async fn tells_how_far_it_is() {
    let (folder, store) = store();
    let (_remote_folder, remote_store) = crate::samples::store();
    let peer = crate::peers::own(&remote_store).await;
    let package = Sample::default().write(folder.path());
    let listen = || {
        let seen = Arc::new(Mutex::new(Vec::<Snapshot>::new()));
        let sink = Arc::clone(&seen);
        (Progress::new(move |snapshot| sink.lock().unwrap().push(snapshot)), seen)
    };
    let check = |seen: &Mutex<Vec<Snapshot>>| {
        let seen = seen.lock().unwrap();
        let (first, last) = (seen[0], seen[seen.len() - 1]);
        assert_eq!((first.bytes_done, first.blobs_done), (0, 0));
        assert_eq!((last.bytes_done, last.blobs_done), (last.bytes, last.blobs));
        assert!(last.bytes > 3_000_000 && seen.len() > 5, "{} {}", last.bytes, seen.len());
        assert!(seen.iter().all(|snapshot| snapshot.bytes_done <= snapshot.bytes));
    };
    let (progress, seen) = listen();
    peer.client().push(&package, &PushOptions { progress, ..PushOptions::default() }).await.unwrap();
    check(&seen);
    let (progress, seen) = listen();
    let remote = peer.client().resolve(&digits(), &Selector::Any, &Machine::ANY).await.unwrap();
    peer.client().pull(&remote, &store, &progress).await.unwrap();
    check(&seen);
}

#[tokio::test]
async fn sends_and_fetches_only_what_is_missing() {
    let (folder, store) = store();
    let (_remote_folder, remote_store) = crate::samples::store();
    let (peer, log) =
        crate::peers::own_with(&remote_store, Arc::new(|request, next| Box::pin(next.run(request)))).await;
    let client = peer.client();
    let count = |method: &str, part: &str| {
        log.lock().unwrap().iter().filter(|seen| seen.method == method && seen.path.contains(part)).count()
    };
    let (one, two) =
        (Sample::default().write(folder.path()), Sample { version: "1.1.0", ..Sample::default() }.write(folder.path()));
    client.push(&one, &PushOptions::default()).await.unwrap();
    // Two of them for the chunk index.
    assert_eq!(count("PUT", "/blobs/uploads/"), 7);
    client.push(&two, &PushOptions::default()).await.unwrap();
    // briq.json and the configuration; weights, structure, README and the chunks of the weights are there.
    assert_eq!(count("PUT", "/blobs/uploads/"), 9);

    for (number, fetched) in [("1.0.0", 4), ("1.1.0", 6)] {
        let remote = client.describe_version(&digits(), &number.parse().unwrap()).await.unwrap();
        log.lock()
            .unwrap()
            .retain(|seen| seen.path.contains("/blobs/") && seen.path.contains("sha256") && seen.method == "GET");
        client.pull(&remote, &store, &Progress::none()).await.unwrap();
        // One more for the signature that the second push compared; none for the empty README.
        assert_eq!(count("GET", "/blobs/") - 1, fetched, "{number}");
    }
}

/// The seal is a layer like the entries; a package that is sealed after it was pushed is pushed again and stays itself.
#[tokio::test]
async fn seals_travel_with_the_package() {
    use briq_package::seal::{self, PrivateKey, Trust};
    let key = PrivateKey::from_pem(briq_package::example::PRIVATE_KEY, None).unwrap();
    let trust = Trust::default().with_key(key.public_key());
    for (peer, _guard) in all().await {
        let (folder, store) = store();
        let (client, options) = (peer.client(), PushOptions::default());
        let plain = version(folder.path(), "1.0.0");
        client.push(&plain, &options).await.unwrap();
        let selector = Selector::Requirement("^1".parse().unwrap());
        let remote = client.resolve(&digits(), &selector, &Machine::ANY).await.unwrap();
        client.pull(&remote, &store, &Progress::none()).await.unwrap();
        assert!(store.package(&plain.digest()).unwrap().seals().is_empty());

        let target = folder.path().join("sealed.briq");
        plain.assemble_sealed(&target, &[seal::seal(&plain, &key).unwrap()]).unwrap();
        let sealed = Arc::new(briq_package::Package::open(&target).unwrap());
        assert!(!client.push(&sealed, &options).await.unwrap().already_there);
        assert!(client.push(&sealed, &options).await.unwrap().already_there);
        assert!(client.push(&plain, &options).await.unwrap().already_there);

        let reference = format!("{}/{}@^1", peer.host, digits()).parse().unwrap();
        let resolved = briq_registry::resolve(&reference, &store, &|| Machine::ANY).await.unwrap();
        let opened = briq_registry::open(&resolved, &store, &Progress::none()).await.unwrap();
        seal::verify(&opened, &trust).unwrap();
        let remote = client.resolve(&digits(), &selector, &Machine::ANY).await.unwrap();
        client.pull(&remote, &store, &Progress::none()).await.unwrap();
        let pulled = store.package(&plain.digest()).unwrap();
        seal::verify(&pulled, &trust).unwrap();
        let rebuilt = folder.path().join("rebuilt.briq");
        pulled.assemble(&rebuilt).unwrap();
        assert_eq!(std::fs::read(rebuilt).unwrap(), std::fs::read(&target).unwrap());
    }
}
