//! Tests of a connection, step by step, each with its own message.

use crate::{Connector, ConnectorError, ConnectorKind, Host, Properties, RemoteClass};

/// One step of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestStep {
    /// All that comes before the first question, where a connector does not tell its parts from each other.
    Open,
    /// The name leads to an address that may be called, and somebody answers there.
    Address,
    /// The connection is encrypted, and the other side is whom it should be.
    Tls,
    /// The system takes the credentials.
    Credentials,
    /// The system says what it can do.
    Capabilities,
    /// What a property of the definition names is there, and is what it should be.
    Property(String),
    /// The class is there and can be read.
    Class(String),
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestedStep {
    /// Which.
    pub step: TestStep,
    /// What was found, for people; or what is wrong and what to do.
    pub result: Result<String, ConnectorError>,
}

impl TestedStep {
    /// A step that went well.
    #[must_use]
    pub fn passed(step: TestStep, found: impl Into<String>) -> Self {
        Self { step, result: Ok(found.into()) }
    }
}

/// The steps of a test as they are made. Those that were made are kept where the test is broken off.
#[derive(Debug, Default)]
pub struct TestSteps {
    made: Vec<TestedStep>,
    under_way: Option<TestStep>,
}

impl TestSteps {
    /// Says which step is being made.
    pub fn begin(&mut self, step: TestStep) {
        self.under_way = Some(step);
    }

    /// Keeps a step that was made.
    pub fn put(&mut self, tested: TestedStep) {
        self.under_way = None;
        self.made.push(tested);
    }

    /// Makes a step, which answers what the next ones need and what was found; `None` where it failed.
    pub async fn make<T>(
        &mut self,
        step: TestStep,
        making: impl Future<Output = Result<(T, String), ConnectorError>>,
    ) -> Option<T> {
        self.begin(step.clone());
        let (needed, result) = match making.await {
            Ok((needed, found)) => (Some(needed), Ok(found)),
            Err(error) => (None, Err(error)),
        };
        self.put(TestedStep { step, result });
        needed
    }

    /// Keeps the steps that one call took, up to the one that failed, if any. Wrong settings fail before the first.
    pub fn put_call(&mut self, steps: &[(TestStep, &str)], failed: Option<(TestStep, ConnectorError)>) {
        let until = failed.as_ref().map(|(step, _)| step);
        let is_before = |step: &TestStep| until.is_none_or(|until| until != step && *until != TestStep::Open);
        for (step, found) in steps.iter().take_while(|(step, _)| is_before(step)) {
            self.put(TestedStep::passed(step.clone(), *found));
        }
        if let Some((step, error)) = failed {
            self.put(TestedStep { step, result: Err(error) });
        }
    }

    /// Has the step that is under way fail.
    pub fn break_off(&mut self, error: ConnectorError) {
        let step = self.under_way.take().unwrap_or(TestStep::Open);
        self.put(TestedStep { step, result: Err(error) });
    }

    /// The steps that were made, in their order.
    #[must_use]
    pub fn into_made(self) -> Vec<TestedStep> {
        self.made
    }
}

/// The steps of a whole test.
pub async fn tested(
    kind: &dyn ConnectorKind,
    properties: &Properties,
    host: &Host,
    classes: &[RemoteClass],
) -> Vec<TestedStep> {
    let mut steps = TestSteps::default();
    kind.test(properties, host, classes, &mut steps).await;
    steps.made
}

/// Looks at each class of an open connector.
pub async fn test_classes(connector: &dyn Connector, classes: &[RemoteClass], steps: &mut TestSteps) {
    for class in classes {
        let probed = async { connector.probe(class).await.map(|()| ((), "can be read".to_owned())) };
        steps.make(TestStep::Class(class.remote_name.clone()), probed).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn slow() -> ConnectorError {
        ConnectorError::Transient { message: "slow".to_owned(), retry_after: None }
    }

    #[tokio::test]
    async fn a_test_that_is_broken_off_keeps_what_was_done_and_names_the_step_that_was_not() {
        let mut steps = TestSteps::default();
        let answered = steps.make(TestStep::Address, async { Ok((7, "answers".to_owned())) }).await;
        assert_eq!(answered, Some(7));
        {
            let mut never = pin!(steps.make(TestStep::Tls, pending::<Result<((), String), _>>()));
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(never.as_mut().poll(&mut nobody).is_pending());
        }
        steps.break_off(slow());
        let expected = [
            TestedStep::passed(TestStep::Address, "answers"),
            TestedStep { step: TestStep::Tls, result: Err(slow()) },
        ];
        assert_eq!(steps.into_made(), expected);
    }

    #[test]
    fn one_call_takes_the_steps_before_the_one_that_failed() {
        let known = [(TestStep::Address, "answers"), (TestStep::Tls, "safe")];
        for (failed, count) in
            [(None, 2), (Some(TestStep::Open), 1), (Some(TestStep::Address), 1), (Some(TestStep::Tls), 2)]
        {
            let mut steps = TestSteps::default();
            steps.put_call(&known, failed.clone().map(|step| (step, slow())));
            let made = steps.into_made();
            assert_eq!(made.len(), count, "{failed:?}");
            assert_eq!(made.iter().all(|step| step.result.is_ok()), failed.is_none());
        }
    }
}
