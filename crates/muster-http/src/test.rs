//! The first call of a test, by its steps.

use muster_connector::{Properties, TestStep, TestSteps};

use crate::Failed;

/// Puts what the first call to `who` went through, before classes or capabilities are looked at.
pub fn put_first_call(steps: &mut TestSteps, properties: &Properties, who: &str, failed: Option<Failed>) {
    let tls = match properties.get("baseUrl").is_some_and(|url| url.starts_with("https://")) {
        true => "the certificate is good",
        false => "nothing is encrypted: `baseUrl` begins with `http:`",
    };
    let answers = format!("{who} answers");
    let taken = [
        (TestStep::Address, answers.as_str()),
        (TestStep::Tls, tls),
        (TestStep::Credentials, "the credentials are taken"),
    ];
    steps.put_call(&taken, failed.map(|failed| (failed.step, failed.fault)));
}
