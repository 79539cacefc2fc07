use briq_spec::EntryPath;

#[test]
fn accepts_relative_paths() {
    for text in ["a", "model.onnx", "train/recipe.toml", "a b/ç.txt", "...", ".hidden", "a/..b"] {
        assert_eq!(text.parse::<EntryPath>().unwrap().as_str(), text);
    }
    let path: EntryPath = "a/b/c.txt".parse().unwrap();
    assert_eq!(path.file_name(), "c.txt");
    assert_eq!(path.folders().collect::<Vec<_>>(), ["a", "a/b"]);
}

#[test]
fn rejects_paths_that_lead_elsewhere() {
    for text in [
        "", "/", "/a", "a/", "a//b", ".", "..", "./a", "../a", "a/..", "a/../b", "a/./b", "a\\b", "a\0b", "a\nb",
        "\u{7f}",
    ] {
        assert!(text.parse::<EntryPath>().is_err(), "{text:?}");
    }
    assert!("a".repeat(256).parse::<EntryPath>().is_err());
}

/// Joined to a folder on Windows, the first leaves it and the last is hidden in another file.
#[test]
fn rejects_paths_of_a_drive_or_a_stream() {
    for text in ["C:labels.txt", "c:/labels.txt", "assets/labels.txt:hidden"] {
        let error = text.parse::<EntryPath>().unwrap_err();
        assert!(error.to_string().ends_with("it holds a backslash, a colon or a control character"), "{error}");
    }
}

#[test]
fn the_packages_own_paths_are_known() {
    assert!("briq.json".parse::<EntryPath>().unwrap().is_manifest());
    assert!(!"a/briq.json".parse::<EntryPath>().unwrap().is_manifest());
    assert!("signatures/a.sig".parse::<EntryPath>().unwrap().is_seal());
    assert!(!"signatures".parse::<EntryPath>().unwrap().is_seal());
}
