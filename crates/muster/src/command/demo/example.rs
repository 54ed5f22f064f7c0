//! The example of the project, inside the program: the tenant's configuration and the HR files of two days.

use muster_model::configuration::ConfigurationKind;

/// One resource of the configuration.
pub(super) struct Document {
    pub(super) kind: ConfigurationKind,
    pub(super) text: &'static str,
}

/// Two deliveries of the HR department.
pub(super) const DAY_1: &[u8] = include_bytes!("../../../../../examples/hr/day1.csv");
pub(super) const DAY_2: &[u8] = include_bytes!("../../../../../examples/hr/day2.csv");

macro_rules! document {
    ($kind:ident, $path:literal) => {
        Document {
            kind: ConfigurationKind::$kind,
            text: include_str!(concat!("../../../../../examples/conf/", $path)),
        }
    };
}

/// The configuration, those first that others refer to.
pub(super) const CONFIGURATION: [Document; 10] = [
    document!(ConnectorDefinition, "connector-definitions/badge-csv.json"),
    document!(ConnectorDefinition, "connector-definitions/hr-csv.json"),
    document!(ConnectorDefinition, "connector-definitions/payroll-csv.json"),
    document!(Application, "applications/badge.json"),
    document!(Application, "applications/hr.json"),
    document!(Application, "applications/payroll.json"),
    document!(ApplicationProfile, "application-profiles/badge-sites.json"),
    document!(ApplicationProfile, "application-profiles/payroll-employees.json"),
    document!(SynchronizationTaskDefinition, "sync-task-definitions/hr-reconciliation.json"),
    document!(ProvisioningTaskDefinition, "prov-task-definitions/accounts.json"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn nothing_of_the_example_is_left_out() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/conf");
        let mut on_disk = BTreeSet::new();
        for kind in std::fs::read_dir(top).unwrap() {
            for file in std::fs::read_dir(kind.unwrap().path()).unwrap() {
                on_disk.insert(std::fs::read_to_string(file.unwrap().path()).unwrap());
            }
        }
        let inside: BTreeSet<_> = CONFIGURATION.iter().map(|document| document.text.to_owned()).collect();
        assert_eq!(inside, on_disk);
    }
}
