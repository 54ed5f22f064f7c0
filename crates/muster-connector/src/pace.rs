//! When calls to a system may be made, and whether one that failed is made again. The engine decides both; a
//! connector puts each of its calls into [`Paced::call`].

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;

use crate::ConnectorError;

/// Leave to make one call. Given back when it is dropped, whatever became of the call.
pub trait Admission: Send {}

/// Says when calls may be made.
#[async_trait]
pub trait Pace: Send + Sync + Debug {
    /// Waits until one more call may be made.
    ///
    /// # Errors
    /// When the system is to be left alone for now.
    async fn admit(&self) -> Result<Box<dyn Admission>, ConnectorError>;

    /// Learns how a call went, and says whether it is to be made again: then it has waited as long as is wise.
    /// `attempt` counts from 1.
    async fn answered(&self, attempt: u32, fault: Option<&ConnectorError>) -> bool;
}

/// Lets every call go out at once, and none twice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unpaced;

struct Free;

impl Admission for Free {}

#[async_trait]
impl Pace for Unpaced {
    async fn admit(&self) -> Result<Box<dyn Admission>, ConnectorError> {
        Ok(Box::new(Free))
    }

    async fn answered(&self, _attempt: u32, _fault: Option<&ConnectorError>) -> bool {
        false
    }
}

/// The pace that a connector keeps. Clones keep one.
#[derive(Debug, Clone)]
pub struct Paced(Arc<dyn Pace>);

impl Default for Paced {
    fn default() -> Self {
        Self::new(Arc::new(Unpaced))
    }
}

impl Paced {
    /// A pace to keep.
    #[must_use]
    pub fn new(pace: Arc<dyn Pace>) -> Self {
        Self(pace)
    }

    /// Makes one call when it may be made, and again where that is wise. What it does may therefore be done twice: a
    /// create whose answer was lost is answered with a conflict then, which is looked at by who asked for it.
    ///
    /// # Errors
    /// Those of the last call, or when none may be made.
    pub async fn call<T, F, C>(&self, make: F) -> Result<T, ConnectorError>
    where
        F: FnMut() -> C + Send,
        C: Future<Output = Result<T, ConnectorError>> + Send,
        T: Send,
    {
        self.call_after(|_| std::future::ready(Ok(())), make).await
    }

    /// The same, with what is to be known before each attempt, which counts from 1. It holds no leave, so it may make calls
    /// at this pace; `make` may not: where few are under way at once it would wait for itself.
    ///
    /// # Errors
    /// Those of `call`, and those of `before`, after which nothing is tried again.
    pub async fn call_after<T, B, K, F, C>(&self, mut before: B, mut make: F) -> Result<T, ConnectorError>
    where
        B: FnMut(u32) -> K + Send,
        K: Future<Output = Result<(), ConnectorError>> + Send,
        F: FnMut() -> C + Send,
        C: Future<Output = Result<T, ConnectorError>> + Send,
        T: Send,
    {
        let mut attempt = 1;
        loop {
            before(attempt).await?;
            let admission = self.0.admit().await?;
            let result = make().await;
            drop(admission);
            let again = self.0.answered(attempt, result.as_ref().err()).await;
            if !(again && result.is_err()) {
                return result;
            }
            attempt += 1;
        }
    }
}
