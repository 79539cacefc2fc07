//! briq-cli
fn main(){}
