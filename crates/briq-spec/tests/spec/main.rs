//! Tests.
#[test]
fn p() {
    println!(
        "{}",
        serde_json::to_string_pretty(&briq_spec::schema::recipe_schema()).unwrap()
    );
}
