//! Prints what `cargo xtask gen` writes: `schema`, or `dataset` with the folder of documents that it is made of.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use muster_model::configuration::ConfigurationKind;
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["schema"] => print!("{}", muster_dataset::schema()),
        ["dataset", folder] => {
            let documents = documents(Path::new(folder))?;
            print!("{}", muster_dataset::write(documents.iter().map(|(kind, document)| (*kind, document))));
        }
        _ => return Err("say `schema`, or `dataset` and a folder".into()),
    }
    Ok(())
}

/// The documents of a folder that has one for each kind.
fn documents(folder: &Path) -> Result<Vec<(ConfigurationKind, Value)>, Box<dyn Error>> {
    let mut documents = Vec::new();
    for kind in ConfigurationKind::ALL {
        let folder = folder.join(kind.path_segment());
        if folder.is_dir() {
            for file in fs::read_dir(folder)? {
                documents.push((kind, serde_json::from_slice(&fs::read(file?.path())?)?));
            }
        }
    }
    Ok(documents)
}
