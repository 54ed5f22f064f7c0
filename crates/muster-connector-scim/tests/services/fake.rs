//! A service of SCIM that answers what a test says: well, badly, or not at all. It keeps what it was asked.

pub(crate) use muster_testkit::fake::{Asked, Reply, ok};
use serde_json::{Value as Json, json};

/// A refusal.
pub(crate) fn refusal(status: u16, scim_type: &str, detail: &str) -> Reply {
    let body = json!({"status": status.to_string(), "scimType": scim_type, "detail": detail});
    Reply::Json(status, Vec::new(), body)
}

/// A list that is what it says.
pub(crate) fn list(total: usize, resources: Vec<Json>) -> Reply {
    ok(json!({"totalResults": total, "itemsPerPage": resources.len(), "Resources": resources}))
}

/// Somebody.
pub(crate) fn person(number: usize) -> Json {
    json!({"id": format!("k{number}"), "userName": format!("u{number}"), "active": true})
}

/// What was asked for of so many people, as it should be.
pub(crate) fn page(asked: &Asked, count: usize) -> Reply {
    let start = asked.number("startIndex").max(1);
    let people = (start..=count).take(asked.number("count")).map(person).collect();
    list(count, people)
}

/// A service. Its threads end with the test's process.
pub(crate) struct Fake(muster_testkit::fake::Fake);

impl Fake {
    /// A service that offers these features, and answers as it is told where resources are asked for; what it is not told
    /// is not there.
    pub(crate) fn start(
        offered: Json,
        answer: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::telling_all(
            offered,
            move |asked| if is_about_the_service(asked) { None } else { answer(asked) },
        )
    }

    /// The same, where the service itself is asked about too.
    pub(crate) fn telling_all(
        offered: Json,
        answer: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self(muster_testkit::fake::Fake::start(move |asked| {
            let is_config = asked.path.ends_with("/ServiceProviderConfig");
            let told = answer(asked).or_else(|| is_config.then(|| ok(offered.clone())));
            told.unwrap_or_else(|| refusal(404, "", "there is nothing"))
        }))
    }

    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    /// All that was asked for about resources, without what a connector asks about the service itself.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.asked().into_iter().filter(|asked| !is_about_the_service(asked)).collect()
    }

    /// The same as methods and paths.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget(&self) {
        self.0.forget();
    }
}

fn is_about_the_service(asked: &Asked) -> bool {
    ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"].contains(&asked.path.as_str())
}
