//! Prints the OpenAPI document: what `cargo xtask gen openapi` writes to `docs/reference/openapi.json`.

fn main() {
    println!("{:#}", muster_api::openapi());
}
