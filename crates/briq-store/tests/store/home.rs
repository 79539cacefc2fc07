//! Where all of Briq's state lives.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use briq_store::{Home, NoHome};

fn home(variables: &[(&str, &str)]) -> Result<PathBuf, NoHome> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    Home::from_variables(|name| variables.get(name).map(OsString::from)).map(|home| home.path().to_owned())
}

#[test]
fn follows_the_environment() {
    let all = [("BRIQ_HOME", "/b"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
    assert_eq!(home(&all).unwrap(), PathBuf::from("/b"));
    assert_eq!(home(&all[1..]).unwrap(), PathBuf::from("/x/briq"));
    assert_eq!(home(&all[2..]).unwrap(), PathBuf::from("/h/.local/share/briq"));
    assert_eq!(
        home(&[("BRIQ_HOME", ""), ("XDG_DATA_HOME", "relative"), ("HOME", "/h")]).unwrap(),
        PathBuf::from("/h/.local/share/briq")
    );
    assert_eq!(home(&[("BRIQ_HOME", "here")]).unwrap(), std::env::current_dir().unwrap().join("here"));
    assert_eq!(Home::new("/b").store(), PathBuf::from("/b/store"));
}

#[test]
fn rejects_an_environment_without_a_home() {
    assert_eq!(home(&[]).unwrap_err(), NoHome { given: None });
    let error = home(&[("HOME", "relative")]).unwrap_err();
    assert_eq!(error.given, Some("relative".into()));
}
