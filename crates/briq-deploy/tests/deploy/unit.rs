//! The systemd unit.

use std::ffi::OsString;
use std::path::Path;

use briq_deploy::systemd_unit;
use expect_test::expect;

#[test]
fn names_its_command_line_in_systemds_own_quoting() {
    let command = ["/usr/bin/briq", "supervise", "100% \"a\\b\" $HOME", "ä"].map(OsString::from);
    let unit = systemd_unit(&"digits".parse().unwrap(), Path::new("/srv/my briq"), &command);
    expect![[r#"
        [Unit]
        Description=Briq deployment digits
        After=network-online.target
        Wants=network-online.target

        [Service]
        Type=exec
        Environment="BRIQ_HOME=/srv/my briq"
        ExecStart="/usr/bin/briq" "supervise" "100%% \"a\\b\" $$HOME" "\xc3\xa4"
        Restart=on-failure
        RestartSec=1
        KillMode=mixed
        TimeoutStopSec=60
        NoNewPrivileges=yes
        PrivateTmp=yes
        ProtectSystem=full

        [Install]
        WantedBy=default.target
    "#]]
    .assert_eq(&unit);
}
