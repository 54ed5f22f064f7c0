//! One connection to a server, and many operations on it at once. Knows no retries: what is lost is told as lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::ber::{Malformed, message_length};
use crate::message::{Message, Request};

/// A stream of octets, whatever it goes through.
pub(crate) trait Octets: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Octets for T {}

/// How many messages of one operation wait to be looked at, until the server has to wait.
const WAITING: usize = 256;
/// A server that does not take what is sent for so long is given up.
const UNREAD: Duration = Duration::from_secs(120);
/// How much is read at once.
const READ: usize = 64 * 1024;

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// It may have been carried out or not.
    #[error("closed the connection{0}")]
    Closed(String),
    /// The same.
    #[error("did not answer in time")]
    TimedOut,
    /// What came cannot be understood.
    #[error("answered what is not LDAP: {0}")]
    Garbled(#[from] Malformed),
}

/// A connection. Closed when it is dropped.
pub(crate) struct Link {
    shared: Arc<Shared>,
    requests: mpsc::UnboundedSender<Vec<u8>>,
    reading: JoinHandle<()>,
}

struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    last: i32,
    waiting: HashMap<i32, Waiting>,
    ended: Option<LinkError>,
}

/// Who waits for the answer to a request.
enum Waiting {
    /// For the one message that it has.
    One(oneshot::Sender<Message>),
    /// For several.
    Several(mpsc::Sender<Message>),
}

impl State {
    /// Who is to have a message; who waits for one alone waits no longer.
    fn whoever_waits_for(&mut self, id: i32) -> Option<Waiting> {
        match self.waiting.get(&id)? {
            Waiting::One(_) => self.waiting.remove(&id),
            Waiting::Several(sender) => Some(Waiting::Several(sender.clone())),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // What a panic elsewhere left behind is whole: each change is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, error: LinkError) {
        let mut state = self.state();
        state.ended.get_or_insert(error);
        state.waiting.clear();
    }
}

impl Link {
    /// Begins to read and to write; must be called within a runtime. `longest` is how long a message may be.
    pub(crate) fn new(stream: Box<dyn Octets>, longest: usize) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let shared = Arc::new(Shared(Mutex::new(State::default())));
        let (requests, queue) = mpsc::unbounded_channel();
        // It ends when the last sender of requests is gone, and closes the connection then.
        tokio::spawn(write(writer, queue, Arc::clone(&shared)));
        let reading = tokio::spawn(read(reader, Arc::clone(&shared), longest));
        Self { shared, requests, reading }
    }

    /// Why it has ended, if it has.
    pub(crate) fn ended(&self) -> Option<LinkError> {
        self.shared.state().ended.clone()
    }

    /// Sends a request; what is answered is for who asked.
    pub(crate) fn send(self: &Arc<Self>, request: &Request) -> Result<Answers, LinkError> {
        let (sender, messages) = mpsc::channel(WAITING);
        let asked = self.ask(request, Waiting::Several(sender))?;
        Ok(Answers { asked, messages })
    }

    fn ask(self: &Arc<Self>, request: &Request, waiting: Waiting) -> Result<Asked, LinkError> {
        let id = {
            let mut state = self.shared.state();
            if let Some(error) = &state.ended {
                return Err(error.clone());
            }
            let mut id = state.last;
            loop {
                id = if id == i32::MAX { 1 } else { id + 1 };
                if !state.waiting.contains_key(&id) {
                    break;
                }
            }
            state.last = id;
            state.waiting.insert(id, waiting);
            id
        };
        let asked = Asked { id, link: Arc::clone(self), whole: false };
        let sent = self.requests.send(request.message(id));
        sent.map_err(|_| self.why())?;
        Ok(asked)
    }

    /// Sends a request and waits for the one answer.
    pub(crate) async fn call(
        self: &Arc<Self>,
        request: &Request,
        until: Instant,
    ) -> Result<Message, LinkError> {
        let (sender, answer) = oneshot::channel();
        let mut asked = self.ask(request, Waiting::One(sender))?;
        let answer = timeout_at(until, answer).await.map_err(|_| LinkError::TimedOut)?;
        let answer = answer.map_err(|_| self.why())?;
        asked.whole = true;
        Ok(answer)
    }

    fn why(&self) -> LinkError {
        self.ended().unwrap_or_else(|| LinkError::Closed(String::new()))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Nobody waits for an answer to it.
        let _ = self.requests.send(Request::unbind().message(i32::MAX));
        self.reading.abort();
    }
}

/// A request under way. The server is told when nobody wants what is left of the answer.
struct Asked {
    id: i32,
    link: Arc<Link>,
    /// Whether the last message has come.
    whole: bool,
}

/// What is answered to one request, message by message.
pub(crate) struct Answers {
    asked: Asked,
    messages: mpsc::Receiver<Message>,
}

impl Answers {
    pub(crate) async fn next(&mut self, until: Instant) -> Result<Message, LinkError> {
        match timeout_at(until, self.messages.recv()).await {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(self.asked.link.why()),
            Err(_) => Err(LinkError::TimedOut),
        }
    }

    /// Notes that the last message has come.
    pub(crate) fn end(&mut self) {
        self.asked.whole = true;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.link.shared.state().waiting.remove(&self.id);
        if !self.whole && self.link.ended().is_none() {
            let _ = self.link.requests.send(Request::abandon(self.id).message(i32::MAX));
        }
    }
}

async fn write(
    mut stream: WriteHalf<Box<dyn Octets>>,
    mut queue: mpsc::UnboundedReceiver<Vec<u8>>,
    shared: Arc<Shared>,
) {
    while let Some(mut octets) = queue.recv().await {
        // What waits goes out in one piece.
        while let Ok(more) = queue.try_recv() {
            octets.extend_from_slice(&more);
        }
        let written = async {
            stream.write_all(&octets).await?;
            stream.flush().await
        };
        let error = match timeout(UNREAD, written).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => LinkError::Closed(format!(": {error}")),
            Err(_) => LinkError::TimedOut,
        };
        shared.end(error);
        return;
    }
    // The other side may be gone already.
    let _ = timeout(UNREAD, stream.shutdown()).await;
}

async fn read(mut stream: ReadHalf<Box<dyn Octets>>, shared: Arc<Shared>, longest: usize) {
    let mut buffer = Vec::with_capacity(READ);
    let error = loop {
        match dispatch(&mut buffer, &shared, longest).await {
            Ok(()) => {}
            Err(error) => break error,
        }
        buffer.reserve(READ);
        match stream.read_buf(&mut buffer).await {
            Ok(0) => break LinkError::Closed(String::new()),
            Ok(_) => {}
            Err(error) => break LinkError::Closed(format!(": {error}")),
        }
    };
    shared.end(error);
}

/// Hands out the messages that are whole, and keeps what follows them.
async fn dispatch(buffer: &mut Vec<u8>, shared: &Shared, longest: usize) -> Result<(), LinkError> {
    let mut start = 0;
    while let Some(length) = message_length(&buffer[start..], longest)? {
        let Some(octets) = buffer.get(start..start + length) else { break };
        let message = Message::parse(octets.to_vec())?;
        start += length;
        if message.id == 0 {
            let said = message.outcome().map(|outcome| outcome.text).unwrap_or_default();
            return Err(LinkError::Closed(if said.is_empty() { said } else { format!(": {said}") }));
        }
        let waiting = shared.state().whoever_waits_for(message.id);
        // Nobody waits for what was given up.
        match waiting {
            Some(Waiting::One(sender)) => drop(sender.send(message)),
            Some(Waiting::Several(sender)) => drop(sender.send(message).await),
            None => {}
        }
    }
    buffer.drain(..start);
    Ok(())
}
