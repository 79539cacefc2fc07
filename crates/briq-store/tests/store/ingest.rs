//! Taking in blobs: resumed, checked, and never visible in part.

use briq_spec::Sha256Digest;
use briq_store::{BlobWriter, Ingest, Session, Store};
use sha2::{Digest as _, Sha256};

use crate::samples::{files, store};

fn digest(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_bytes(Sha256::digest(bytes).into())
}

fn wanted(session: &Session, bytes: &[u8]) -> BlobWriter {
    match session.ingest(&digest(bytes), bytes.len() as u64).unwrap() {
        Ingest::Wanted(writer) => *writer,
        Ingest::Present => panic!("the blob is there already"),
    }
}

fn blobs(store: &Store) -> usize {
    files(store, "blobs/sha256").len()
}

#[test]
fn goes_on_where_a_writer_stopped() {
    let (_folder, store) = store();
    let session = store.session().unwrap();
    let bytes = b"a blob that comes in two parts";
    let mut writer = wanted(&session, bytes);
    writer.write(&bytes[..10]).unwrap();
    drop(writer);
    assert_eq!(blobs(&store), 0);

    let mut writer = wanted(&session, bytes);
    assert_eq!(writer.offset(), 10);
    writer.write(&bytes[10..]).unwrap();
    writer.finish().unwrap();
    assert_eq!(std::fs::read(store.blob_path(&digest(bytes))).unwrap(), bytes);
    assert!(matches!(session.ingest(&digest(bytes), bytes.len() as u64).unwrap(), Ingest::Present));
    assert_eq!(files(&store, "ingest"), [] as [&str; 0]);
}

#[test]
fn refuses_bytes_with_another_digest() {
    let (_folder, store) = store();
    let session = store.session().unwrap();
    let mut writer = wanted(&session, b"right");
    writer.write(b"wrong").unwrap();
    let error = writer.finish().unwrap_err();
    assert!(error.is_corrupt());
    assert!(error.to_string().contains("its bytes have the digest sha256:"), "{error}");
    assert_eq!((blobs(&store), files(&store, "ingest").len()), (0, 0));
}

#[test]
fn refuses_too_few_and_too_many_bytes() {
    let (_folder, store) = store();
    let session = store.session().unwrap();
    let mut writer = wanted(&session, b"right");
    writer.write(b"rig").unwrap();
    assert!(writer.write(b"htly").unwrap_err().is_corrupt());
    assert!(writer.finish().unwrap_err().is_corrupt());
    assert_eq!(blobs(&store), 0);
}

#[test]
fn starts_again_when_what_is_left_is_too_long() {
    let (_folder, store) = store();
    let session = store.session().unwrap();
    let partial = store.root().join("ingest").join(format!("sha256-{}.partial", digest(b"right").to_hex()));
    std::fs::write(partial, b"much too long").unwrap();
    assert_eq!(wanted(&session, b"right").offset(), 0);
}

#[test]
fn lets_two_writers_of_one_blob_take_turns() {
    let (_folder, store) = store();
    let bytes = vec![42; 3 << 20];
    let one = store.session().unwrap();
    let mut writer = wanted(&one, &bytes);
    let (other, copy) = (store.clone(), bytes.clone());
    let waiting = std::thread::spawn(move || {
        let session = other.session().unwrap();
        matches!(session.ingest(&digest(&copy), copy.len() as u64).unwrap(), Ingest::Present)
    });
    writer.write(&bytes).unwrap();
    writer.finish().unwrap();
    assert!(waiting.join().unwrap(), "whoever waited finds the blob");
    assert_eq!(blobs(&store), 1);
}
