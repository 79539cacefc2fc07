//! A systemd unit that keeps a deployment's supervisor alive across crashes and reboots.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use briq_spec::deployment::DeploymentName;

/// The text of a unit that runs `command` (program and arguments of a supervisor) for the deployment, with
/// `BRIQ_HOME` set to `home`.
///
/// A supervisor that ends in good order (`briq stop`) stays down; one that is killed is started again and goes on
/// where it was. A stop signal goes to the supervisor alone, which drains its server.
///
/// Source of the quoting rules: systemd.service(5), "Command lines"; systemd.syntax(7), "Quoting".
pub fn systemd_unit(name: &DeploymentName, home: &Path, command: &[OsString]) -> String {
    let command: Vec<_> = command.iter().map(|word| quote(word, true)).collect();
    let mut home_setting = OsString::from("BRIQ_HOME=");
    home_setting.push(home);
    format!(
        "[Unit]\n\
         Description=Briq deployment {name}\n\
         After=network-online.target\n\
         Wants=network-online.target\n\
         \n\
         [Service]\n\
         Type=exec\n\
         Environment={}\n\
         ExecStart={}\n\
         Restart=on-failure\n\
         RestartSec=1\n\
         KillMode=mixed\n\
         TimeoutStopSec=60\n\
         NoNewPrivileges=yes\n\
         PrivateTmp=yes\n\
         ProtectSystem=full\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        quote(&home_setting, false),
        command.join(" "),
    )
}

/// A word in double quotes, with systemd's own expansions (`%` everywhere, `$` in commands) taken literally.
fn quote(word: &OsStr, in_command: bool) -> String {
    let mut quoted = String::from("\"");
    for &byte in word.as_bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b'%' => quoted.push_str("%%"),
            b'$' if in_command => quoted.push_str("$$"),
            b' '..=b'~' => quoted.push(char::from(byte)),
            other => quoted.push_str(&format!("\\x{other:02x}")),
        }
    }
    quoted.push('"');
    quoted
}
