//! What the writing routes of User Sync leave in the audit log.

use serde_json::json;

use super::Auditor;
use crate::tasks::{wait_for, wait_for_end};

impl Auditor {
    pub(super) fn check_connectors(&mut self) {
        let all = "/{tenant}/rest/samlsso-admin/1.0/usersync/connector";
        let (one, import, hr) = (format!("{all}/{{id}}"), format!("{all}/~import"), [("id", "hr-import")]);
        let [task, application] = ["REPLACE sync-task-definitions/hr-import", "REPLACE applications/hr"];
        let found = self.admin.get(&one.replace("{tenant}", "acme").replace("{id}", "hr-import"));
        let before = found.expect(200).json()["configuration"].clone();
        let mut both = before.clone();
        both["name"] = "People".into();
        both["application"]["name"] = "People".into();
        self.check(("PUT", &one), &hr, &both, &[application, task]);
        self.check(("PUT", &one), &hr, &both, &[]);
        self.check(("PATCH", &one), &hr, &json!({"application": {"name": "HR"}}), &[application]);
        let mut file = self.admin.get("/acme/rest/samlsso-admin/1.0/usersync/connector/~export").json();
        file[0]["configuration"] = before;
        self.check(("POST", &import), &[], &file, &[task]);
    }

    pub(super) fn check_single_syncs(&mut self) {
        let route = "/{tenant}/rest/samlsso-admin/1.0/usersync/connector/{id}/syncsingle";
        let launch = ["LAUNCH sync-task-definitions/hr-import"];
        let hr = [("id", "hr-import"), ("name", "9")];
        self.check(("POST", route), &hr, &json!({"identifier": "9"}), &launch);
        self.check(("POST", &format!("{route}/{{name}}")), &hr, &json!(null), &launch);
    }

    /// A sync, and the end of what it fills.
    pub(super) fn check_user_sync(&mut self) {
        let route = |end: &str| format!("/{{tenant}}/rest/samlsso-admin/1.0/{end}");
        let (task, directory) = ([("id", "hr-import")], [("directory", "main")]);
        let sync = route("usersync/connector/{id}/sync");
        self.check(("POST", &sync), &task, &json!(null), &["LAUNCH sync-task-definitions/hr-import"]);
        let instances = "/acme/api/sync/sync-tasks/hr-import/instances";
        let newest = self.admin.get(&format!("{instances}?limit=1")).expect(200).json();
        let run = format!("{instances}/{}", newest[0]["id"].as_str().unwrap());
        let status = wait_for(&self.admin, &run, |run| {
            ["HELD", "FINISHED"].contains(&run["progressStatus"].as_str().unwrap())
        });
        if status["progressStatus"] == "HELD" {
            let _ = self.admin.post_nothing(&format!("{run}/~cancel")).expect(200);
            wait_for_end(&self.admin, &run);
        }
        let delete = route("directory/{directory}");
        self.check(("DELETE", &delete), &directory, &json!(null), &["DELETE directories/main"]);
        let one = route("usersync/connector/{id}");
        let shown = self.admin.get(&one.replace("{tenant}", "acme").replace("{id}", "hr-import"));
        let configuration = shown.expect(200).json()["configuration"].clone();
        self.check(("PUT", &one), &task, &configuration, &["CREATE directories/main"]);
    }
}
