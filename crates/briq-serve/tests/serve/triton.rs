//! NVIDIA's own client, where it is installed: `BRIQ_PYTHON` names the interpreter that has it.

use std::process::Command;

use crate::harness::start;

#[tokio::test(flavor = "multi_thread")]
async fn tritonclient_is_content() {
    let python = std::env::var("BRIQ_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let installed = Command::new(&python).args(["-c", "import tritonclient.http"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        println!("skipped: tritonclient is not installed");
        return;
    }
    let server = start(&["v1", "join", "softmax"]).await;
    let mut client = Command::new(&python);
    client.args(["-c", include_str!("triton_client.py"), &server.address.to_string()]);
    let output = tokio::task::spawn_blocking(move || client.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(output.stdout, b"content\n", "{said}");
}
