//! Parameters of PyTorch.

use briq_import::pytorch;

use crate::sample;

#[test]
fn both_forms_of_torch_save_hold_the_same_tensors() {
    let new = pytorch::read(&sample("tiny.pt")).expect("it is well-formed");
    let legacy = pytorch::read(&sample("tiny_legacy.pt")).expect("it is well-formed");
    assert_eq!(new, legacy);
    let names: Vec<_> = new.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())).collect();
    assert_eq!(names, [("weight", &[3, 2][..]), ("bias", &[3])]);
    assert_eq!(new.tensors[0].to_f32().ok().as_deref(), Some(&[0.1, 0.4, 0.2, 0.5, 0.3, 0.6][..]));
}

#[test]
fn a_checkpoint_is_looked_into_and_that_is_said() {
    let state = pytorch::read(&sample("checkpoint.pt")).expect("it is well-formed");
    assert_eq!(state.tensors, pytorch::read(&sample("tiny.pt")).expect("it is well-formed").tensors);
    assert_eq!(state.notes, ["the parameters were taken from the key `model`"]);
}

#[test]
fn rejects_a_call_of_anything_but_tensors_by_name() {
    let error = pytorch::read(&sample("whole_model.pt")).expect_err("it holds a module");
    assert!(error.is_unsupported());
    assert!(error.to_string().contains("`torch.nn.modules.linear.Linear`"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("state_dict")));
}

/// A pickle of the old form that would run a command.
#[test]
fn rejects_a_pickle_that_would_run_a_command() {
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    file.extend_from_slice(b"\x80\x02M\xe9\x03.\x80\x02}.");
    file.extend_from_slice(b"\x80\x02cposix\nsystem\nX\x07\x00\x00\x00echo ha\x85R.");
    let error = pytorch::read(&file).expect_err("it calls a function");
    assert!(error.to_string().contains("`posix.system`"), "{error}");
}

/// Thousands of calls, each with the same thousands of arguments.
#[test]
fn rejects_a_pickle_that_grows_by_calling() {
    const MANY: usize = 20_000;
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    file.extend_from_slice(b"\x80\x02M\xe9\x03.\x80\x02}.");
    file.extend_from_slice(b"\x80\x02ctorch._utils\n_rebuild_tensor\nq\x00K\x00q\x01(");
    file.extend_from_slice(&b"h\x01".repeat(MANY));
    file.extend_from_slice(b"tq\x02");
    file.extend_from_slice(&b"h\x00h\x02R0".repeat(MANY));
    file.push(b'.');
    let error = pytorch::read(&file).expect_err("it would be 400 million references");
    assert!(error.to_string().contains("copy more than"), "{error}");
}

/// Each dictionary holds the one before a hundred times: seven levels are 10¹⁴ members.
#[test]
fn rejects_dictionaries_that_hold_one_another_many_times() {
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    file.extend_from_slice(b"\x80\x02M\xe9\x03.\x80\x02}.\x80\x02X\x01\x00\x00\x00aq\xff}q\x00");
    for level in 0..7 {
        file.push(b'}');
        file.extend_from_slice(&[b'h', 0xff, b'h', level, b's'].repeat(100));
        file.extend_from_slice(&[b'q', level + 1]);
    }
    // Behind the dictionaries, the keys of the storages: none.
    file.extend_from_slice(b".\x80\x02].");
    let error = pytorch::read(&file).expect_err("it would take years");
    assert_eq!(error.to_string(), "the dictionaries of the file repeat it too often");
}
