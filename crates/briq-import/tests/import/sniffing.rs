//! What a file looks like.

use briq_import::{FileKind, keras, pytorch, read_safetensors, sniff};

use crate::sample;

#[test]
fn each_kind_is_known_by_its_first_bytes() {
    let kinds = [
        ("tiny.h5", FileKind::Keras),
        ("tiny.keras", FileKind::Keras),
        ("tiny.pt", FileKind::PyTorch),
        ("tiny_legacy.pt", FileKind::PyTorch),
    ];
    for (name, kind) in kinds {
        assert_eq!(sniff(&sample(name)), Some(kind), "{name}");
    }
    assert_eq!(sniff(b"\x08\x09\x12\x04briq"), Some(FileKind::Onnx));
    assert_eq!(sniff(b"\x80\x04\x95sklearn"), Some(FileKind::Pickle));
    assert_eq!(sniff(b"\x10\0\0\0\0\0\0\0{\"a\":"), Some(FileKind::Safetensors));
    assert_eq!(sniff(b"a,b,c\n1,2,3"), None);
    assert_eq!(sniff(b""), None);
}

#[test]
fn rejects_another_kind_with_what_it_is_and_what_to_do() {
    let error = pytorch::read(&sample("tiny.h5")).expect_err("it is of Keras");
    assert!(error.is_wrong_format());
    assert_eq!(error.to_string(), "the file is a Keras file, not a PyTorch file");
    assert_eq!(error.hint(), Some("use `briq import keras`"));
    let error = keras::read(&sample("tiny.pt")).expect_err("it is of PyTorch");
    assert_eq!(error.hint(), Some("use `briq import pytorch`"));
    let error = read_safetensors(b"\x80\x04\x95sklearn").expect_err("it is a pickle");
    assert!(error.hint().is_some_and(|hint| hint.contains("skl2onnx")));
}
