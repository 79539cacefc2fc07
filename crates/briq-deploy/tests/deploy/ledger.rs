//! What a history adds up to.

use briq_deploy::Deployment;

use crate::stage::Stage;

#[test]
fn deployments_are_listed_by_name() {
    let stage = Stage::new();
    assert!(Deployment::all(stage.home()).unwrap().is_empty());
    for name in ["b", "a", "Not a name"] {
        std::fs::create_dir_all(stage.home().join("deployments").join(name)).unwrap();
    }
    let names: Vec<_> = Deployment::all(stage.home()).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn what_does_not_exist_is_not_found_and_not_created() {
    let stage = Stage::new();
    let deployment = &stage.deployment;
    assert!(deployment.status().unwrap_err().is_not_found());
    assert!(deployment.history().unwrap_err().is_not_found());
    assert!(deployment.why(None).unwrap_err().is_not_found());
    assert!(deployment.stop(true).unwrap_err().is_not_found());
    assert!(stage.rollback(None).unwrap_err().is_not_found());
    assert_eq!(deployment.plan(&stage.serve("1.0.0")).unwrap().steps.len(), 5);
    assert!(!stage.folder().exists());
}

#[test]
fn a_rollback_without_a_number_toggles_between_the_last_two() {
    let stage = Stage::new();
    let http = stage.promote(&stage.serve("1.0.0")).http;
    stage.promote(&stage.serve("1.1.0"));
    for expected in ["1.0.0", "1.1.0", "1.0.0"] {
        assert!(!stage.deployment.plan_rollback(None).unwrap().steps.is_empty());
        stage.rollback(None).unwrap();
        assert_eq!(crate::stage::version_at(http), expected);
    }
}

#[test]
fn the_story_of_a_replaced_revision_names_its_successor() {
    let stage = Stage::new();
    stage.promote(&stage.serve("1.0.0"));
    stage.promote(&stage.serve("1.1.0"));
    let why = stage.deployment.why(Some(1)).unwrap();
    assert_eq!((why.is_current, why.replaced_by, why.records.len()), (false, Some(2), 3));
    let why = stage.deployment.why(None).unwrap();
    assert_eq!((why.is_current, why.replaced_by), (true, None));
    assert!(why.to_string().contains("its golden examples held on this host (2 ms), in place of revision 1"));
}
