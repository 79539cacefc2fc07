//! Which backends a case runs on.

use briq_model::{Backend, backends};

/// Every backend that this build and machine have. Where the environment promises all of them, a missing one fails.
pub(crate) fn each() -> Vec<Backend> {
    let mut available = vec![Backend::Flex, Backend::Ndarray];
    match Backend::Wgpu.device() {
        Ok(_) => available.push(Backend::Wgpu),
        Err(error) if std::env::var_os("CI").is_some() && cfg!(feature = "wgpu") => panic!("{error}: {}", error.hint()),
        Err(error) => eprintln!("skipped: wgpu: {error}"),
    }
    available
}

#[test]
fn a_report_names_every_backend_and_what_to_do_for_a_missing_one() {
    let reports = backends();
    let names: Vec<_> = reports.iter().map(|report| report.backend.as_str()).collect();
    assert_eq!(names, ["flex", "ndarray", "wgpu"]);
    for report in reports {
        assert_eq!(report.available, report.hint.is_none(), "{report:?}");
        assert!(!report.device.is_empty());
    }
}

#[test]
fn auto_is_one_of_the_others() {
    assert!([Backend::Flex, Backend::Wgpu].contains(&Backend::Auto.resolved()));
}
