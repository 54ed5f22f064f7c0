//! Sweeping, whichever direction: pages are decided side by side and staged one after the other.

use std::collections::VecDeque;

use muster_connector::{
    BadEntry, Connector, ConnectorError, Cursor, Entry, Page, PageSize, Place, Step, Sweep, SweepEnd,
    SweepRequest,
};
use muster_model::ApplicationId;
use muster_model::configuration::application::{Application, ObjectClass, Situation};
use muster_model::configuration::task::Verify;
use muster_model::run::{Counters, Outcome};
use muster_plan::decision::Decision;
use muster_plan::guard::Tally;
use muster_plan::key::KeyHash;
use muster_plan::lifecycle::Event;
use muster_store::{Bucket, DisputesOf, PageRows};
use tracing::Instrument as _;

use crate::error::EngineError;
use crate::first_met::{FirstMet, meet};
use crate::remote::remote_class;
use crate::sweep_keys::{ReadBefore, note_not_found};
use crate::worker::{Done, Spawned, Task, Work};

/// Pages that are decided at the same time.
const AT_ONCE: usize = 4;

/// What was known before the sweep began; stored with the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Before {
    /// Live accounts, or the objects that a clean-up looks at.
    pub(crate) accounts: u64,
    /// The highest number of a shadow.
    pub(crate) last_shadow: u32,
    /// The highest number of a dispute about accounts of the class.
    pub(crate) last_dispute: u32,
}

impl Before {
    fn encode(self) -> String {
        format!("{} {} {}", self.accounts, self.last_shadow, self.last_dispute)
    }

    /// What the bucket stored; nothing was known when it stored nothing.
    pub(crate) fn of(bucket: &Bucket) -> Self {
        let mut numbers = bucket.population.as_deref().unwrap_or_default().split(' ');
        let mut next = || numbers.next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
        let accounts = next();
        let mut next = || u32::try_from(next()).unwrap_or(u32::MAX);
        Self { accounts, last_shadow: next(), last_dispute: next() }
    }
}

/// A shadow that a page met.
#[derive(Debug, Clone)]
pub(crate) struct MetShadow {
    pub(crate) no: u32,
    pub(crate) outcome: Outcome,
    pub(crate) place: u64,
    /// The number of the entry's change, had it one; 0 where it cannot have one.
    pub(crate) change: u32,
}

/// A page that has been decided.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    pub(crate) rows: PageRows,
    pub(crate) met: Vec<MetShadow>,
    /// Shadows whose accounts are said to be gone.
    pub(crate) gone: Vec<u32>,
    pub(crate) counters: Counters,
    pub(crate) tally: Tally,
}

impl Decided {
    pub(crate) fn count(&mut self, outcome: Outcome, situation: Option<Situation>) {
        self.counters.count(outcome, situation);
    }

    /// Counts an account that is as promised, which nothing is decided about.
    pub(crate) fn pass_over(&mut self, shadow: u32, place: u64) {
        let Decision { outcome, situation, .. } = Decision::as_promised();
        self.counters.read += 1;
        self.count(outcome, situation);
        self.met.push(MetShadow { no: shadow, outcome, place, change: 0 });
    }
}

/// A page that is being decided, and where the sweep stands after it.
pub(crate) struct InHand {
    deciding: Option<Spawned<Result<Decided, EngineError>>>,
    decided: Decided,
    cursor: Cursor,
    estimated_total: Option<u64>,
    entries: u32,
    /// Keys that were asked for and that nothing was read for.
    pub(crate) not_found: Vec<String>,
    /// Shadows whose accounts are as promised, which nothing was read or decided for.
    in_order: Vec<u32>,
}

impl InHand {
    /// What was decided, once it is.
    pub(crate) async fn decided(&mut self) -> Result<&mut Decided, EngineError> {
        if let Some(mut deciding) = self.deciding.take() {
            self.decided = (&mut deciding.0).await??;
        }
        Ok(&mut self.decided)
    }
}

impl Work {
    pub(crate) async fn sweep(&mut self) -> Result<Done, EngineError> {
        for index in 0..self.buckets.len() {
            if self.buckets[index].sweep_end.is_none()
                && let Err(error) = self.sweep_bucket(index).await
            {
                self.go_on_without(error).await?;
            }
        }
        let swept = |bucket: &Bucket| self.was_swept(&bucket.application);
        let event = match (self.buckets.iter().all(swept), self.buckets.iter().any(swept)) {
            (true, _) => Event::SweptCompletely,
            (false, true) => Event::SweptApart,
            (false, false) => Event::SweptInPart,
        };
        Ok(event.into())
    }

    /// Whether all accounts of an application were read, and told from each other.
    pub(crate) fn was_swept(&self, application: &ApplicationId) -> bool {
        let mut buckets = self.buckets.iter().filter(|bucket| bucket.application == *application);
        buckets.all(|bucket| bucket.sweep_end.as_deref() == Some("") && bucket.counters.unidentified == 0)
    }

    async fn sweep_bucket(&mut self, index: usize) -> Result<(), EngineError> {
        if self.buckets[index].page == 0 {
            self.buckets[index].next_change = self.first_change(index);
        }
        self.know_population(index).await?;
        let reads_accounts = match self.task.clone() {
            Task::Inbound(_) => true,
            // Who asks for single accounts wants to know how they are.
            Task::Outbound(task) => task.verify == Verify::Live || self.run.keys.is_some(),
            Task::Cleanup(task) => return self.sweep_directory(index, &task).await,
        };
        let Some((application, class)) = self.accounts_of(index) else { return Ok(()) };
        let (application, class) = (application.clone(), class.clone());
        if !reads_accounts {
            let end = self.read_remembered(index).await?;
            return self.end_sweep(index, end).await;
        }
        let of = (&application, &class);
        if let Some(ReadBefore { connector, entries }) = self.read_before.take() {
            return self.take_keys(index, of, (&*connector, entries)).await;
        }
        let opened =
            self.engine.open_connector(&self.store, &self.configuration.resources, &application).await;
        let connector = opened.map_err(Self::connector_error(&application.id))?;
        if let Some(keys) = self.run.keys.clone() {
            return self.read_keys(index, of, &*connector, &keys).await;
        }
        let end = match self.read_all(index, of, &*connector).await {
            Err(EngineError::Connector { source: ConnectorError::Outdated { message }, .. })
                if self.reads_changes(index) =>
            {
                self.read_in_full(index, &message).await?;
                self.read_all(index, of, &*connector).await?
            }
            end => end?,
        };
        self.end_sweep(index, end).await
    }

    /// Finds out what percentages are taken of, once.
    pub(crate) async fn know_population(&mut self, index: usize) -> Result<(), EngineError> {
        if self.buckets[index].population.is_some() {
            return Ok(());
        }
        let before = match (&self.task, self.accounts_of(index)) {
            (Task::Cleanup(task), _) => {
                let of = &task.target;
                let accounts = self.store.count_population(&of.directory, of.kind).await?;
                Before { accounts, last_shadow: 0, last_dispute: 0 }
            }
            (Task::Inbound(_) | Task::Outbound(_), Some((application, class))) => {
                // Who looks at a few accounts need not count all, unless a limit asks for it.
                let accounts = match self.run.keys {
                    None => self.store.live_shadows(&application.id, class.id.as_str()).await?,
                    Some(_) => 0,
                };
                let of = DisputesOf { application: &application.id, class: &class.id };
                let last = self.store.last_numbers(of).await?;
                Before { accounts, last_shadow: last.shadow, last_dispute: last.dispute }
            }
            (Task::Inbound(_) | Task::Outbound(_), None) => return Ok(()),
        };
        self.buckets[index].population = Some(before.encode());
        Ok(())
    }

    /// The accounts that a bucket is about; a clean-up is about none.
    pub(crate) fn accounts_of(&self, index: usize) -> Option<(&Application, &ObjectClass)> {
        match &self.task {
            Task::Inbound(task) => Some((&task.application, &task.class)),
            Task::Outbound(task) => Some(task.account_class(index)),
            Task::Cleanup(_) => None,
        }
    }

    /// The key by which an account of a bucket's class is found here.
    pub(crate) fn account_key(&self, index: usize, uid: &str) -> Option<KeyHash> {
        self.accounts_of(index)
            .map(|(application, class)| KeyHash::of_account(&application.id, &class.id, uid))
    }

    async fn read_all(
        &mut self,
        index: usize,
        (application, class): (&Application, &ObjectClass),
        connector: &dyn Connector,
    ) -> Result<SweepEnd, EngineError> {
        let failed = Self::connector_error(&application.id);
        let page_size = PageSize::from(self.page_size());
        let mut sweep = match self.open_sweep(index, (application, class), connector, &page_size).await {
            Ok(sweep) => sweep,
            Err(EngineError::Connector { source: ConnectorError::Missing { .. }, .. })
                if self.is_new_target(index) =>
            {
                return Ok(SweepEnd::Complete { token: None });
            }
            Err(error) => return Err(error),
        };
        let mut first_met = self.met_so_far(index).await?;
        let mut in_hand = VecDeque::new();
        let mut end = None;
        loop {
            page_size.set(self.page_size());
            while end.is_none() && in_hand.len() < AT_ONCE {
                match sweep.next().await.map_err(&failed)? {
                    Step::Page(page) if page.entries.is_empty() => {}
                    Step::Page(page) => in_hand.push_back(self.decide(index, page)),
                    Step::End(how) => end = Some(how),
                }
            }
            if in_hand.is_empty() {
                let end = end.unwrap_or(SweepEnd::Complete { token: None });
                if self.reads_changes(index) && matches!(end, SweepEnd::Complete { .. }) {
                    self.read_open(index, (application, class), connector, &mut first_met).await?;
                }
                return Ok(end);
            }
            self.stage_next(index, &mut in_hand, &mut first_met).await?;
        }
    }

    /// How many entries the next page may have.
    pub(crate) fn page_size(&self) -> usize {
        self.store.at_once(self.engine.settings.page_size)
    }

    /// A target of which no account is known may not exist yet; its first account makes it.
    fn is_new_target(&self, index: usize) -> bool {
        matches!(self.task, Task::Outbound(_)) && Before::of(&self.buckets[index]).last_shadow == 0
    }

    /// Decides accounts as their shadows remember them.
    async fn read_remembered(&mut self, index: usize) -> Result<SweepEnd, EngineError> {
        let mut first_met = self.met_so_far(index).await?;
        while let Some((page, in_order)) = self.remembered_page(index).await? {
            let mut in_hand = VecDeque::from([InHand { in_order, ..self.decide(index, page) }]);
            self.stage_next(index, &mut in_hand, &mut first_met).await?;
        }
        Ok(SweepEnd::Complete { token: None })
    }

    /// Begins the sweep, or takes it up if the source is still the same; otherwise what was staged is
    /// dropped and the sweep starts over.
    async fn open_sweep(
        &mut self,
        index: usize,
        (application, class): (&Application, &ObjectClass),
        connector: &dyn Connector,
        page_size: &PageSize,
    ) -> Result<Box<dyn Sweep>, EngineError> {
        let failed = Self::connector_error(&application.id);
        let last_count = self.store.last_read(&application.id, &class.id).await?;
        let reads = self.reads(index, connector).await?;
        let request = |resume| SweepRequest {
            class: remote_class(application, class),
            reads: reads.clone(),
            page_size: page_size.clone(),
            resume,
            last_count,
        };
        let bucket = &self.buckets[index];
        let resume = bucket.cursor.clone().map(Cursor).filter(|_| bucket.page > 0);
        let resumed = resume.is_some();
        let sweep = connector.sweep(request(resume)).await;
        let snapshot = sweep.as_ref().ok().and_then(|sweep| sweep.snapshot());
        let same = snapshot.is_some_and(|snapshot| Some(&snapshot.0) == bucket.snapshot.as_ref());
        if resumed && same {
            return sweep.map_err(failed);
        }
        let sweep = if resumed { connector.sweep(request(None)).await } else { sweep };
        let sweep = sweep.map_err(failed)?;
        let staged = self.buckets[index].page > 0;
        let first = self.first_change(index);
        let bucket = &mut self.buckets[index];
        bucket.snapshot = sweep.snapshot().map(|snapshot| snapshot.0);
        (bucket.page, bucket.cursor, bucket.next_change) = (0, None, first);
        bucket.counters = Counters::default();
        bucket.tally = Tally::default();
        if staged {
            tracing::info!(run = %self.run.id, "the source has changed since; the sweep starts over");
            self.store.restart(&self.run, &self.buckets[index], self.now()).await?;
        }
        Ok(sweep)
    }

    /// Numbers of changes are the run's: a bucket goes on where those before it have ended.
    pub(crate) fn first_change(&self, index: usize) -> u32 {
        self.buckets[..index].iter().map(|bucket| bucket.next_change).max().unwrap_or(1)
    }

    /// A place of the class that a bucket reads, in the words of its connector.
    pub(crate) fn place(&self, index: usize, place: u64) -> String {
        let in_words = || {
            let (application, class) = self.accounts_of(index)?;
            let id = &application.connector_definition_id;
            let definition = self.configuration.resources.connector_definition(id)?;
            let kind = self.engine.connectors.get(&*definition.connector_type)?;
            Some(kind.place(&remote_class(application, class), Place(place)))
        };
        in_words().unwrap_or_else(|| format!("entry {place}"))
    }

    async fn met_so_far(&self, index: usize) -> Result<FirstMet, EngineError> {
        let mut first_met = FirstMet::default();
        let mut after = 0;
        loop {
            let pages = self.pages(index, after).await?;
            let Some(last) = pages.last() else { return Ok(first_met) };
            after = last.page;
            for shadow in pages.iter().flat_map(|page| page.met.all()) {
                first_met.meet(shadow, u64::from(FirstMet::SOMEWHERE));
            }
        }
    }

    /// Begins to decide a page. Every entry has a number of its own for a change, whether it needs one or not,
    /// so that pages can be decided side by side.
    pub(crate) fn decide(&mut self, index: usize, page: Page) -> InHand {
        let page = Page { entries: page.entries.into_iter().map(with_storable_key).collect(), ..page };
        let (store, run, at) = (self.store.clone(), self.run.clone(), self.decided_at());
        let relink = self.relink.take();
        let bucket = &mut self.buckets[index];
        let before = Before::of(bucket);
        let first = bucket.next_change;
        let entries = u32::try_from(page.entries.len()).unwrap_or(u32::MAX);
        bucket.next_change = bucket.next_change.saturating_add(entries);
        let no = bucket.no;
        let decided = match &self.task {
            Task::Inbound(task) => {
                let task = task.clone();
                let decide = async move {
                    task.decide_page(&store, &run, page.entries, (no, first, at), (before, relink)).await
                };
                tokio::spawn(decide.in_current_span())
            }
            Task::Outbound(task) => {
                let task = task.clone();
                let decide = async move {
                    task.decide_page(index, &store, &run, page.entries, (no, first, at, before)).await
                };
                tokio::spawn(decide.in_current_span())
            }
            Task::Cleanup(_) => {
                tokio::spawn(async { Err(EngineError::Broken("a clean-up reads no accounts".to_owned())) })
            }
        };
        InHand {
            deciding: Some(Spawned(decided)),
            decided: Decided::default(),
            cursor: page.cursor,
            estimated_total: page.estimated_total,
            entries,
            not_found: Vec::new(),
            in_order: Vec::new(),
        }
    }

    pub(crate) async fn stage_next(
        &mut self,
        index: usize,
        in_hand: &mut VecDeque<InHand>,
        first_met: &mut FirstMet,
    ) -> Result<(), EngineError> {
        let Some(mut next) = in_hand.pop_front() else { return Ok(()) };
        next.decided().await?;
        let mut decided = next.decided;
        self.may_go_on()?;
        note_not_found(&mut decided, &next.not_found);
        next.in_order.iter().for_each(|shadow| decided.pass_over(*shadow, u64::from(*shadow)));
        let met = meet(&mut decided, first_met, &|place| self.place(index, place));
        let unstaged: u32 = in_hand.iter().map(|page| page.entries).sum();
        let bucket = &mut self.buckets[index];
        bucket.counters.add(&decided.counters);
        bucket.tally.add(&decided.tally);
        bucket.page += 1;
        bucket.cursor = Some(next.cursor.0);
        if let Some(total) = next.estimated_total {
            bucket.estimate = total;
        }
        // A crash decides the pages behind this one again, under the same numbers.
        let stored = Bucket { next_change: bucket.next_change - unstaged, ..bucket.clone() };
        let (now, are_plain) = (self.engine.surroundings.now(), decided.rows.are_plain());
        let staged = self.store.stage(&self.run, &stored, &met, decided.rows, now).await?;
        if self.run.is_brief() {
            self.know_page(staged, are_plain);
        }
        Ok(())
    }
}

/// An account whose key no database has to take is a bad entry. Without its key nobody is concluded to be gone.
fn with_storable_key(entry: Entry) -> Entry {
    match entry {
        Entry::Account(account) if account.uid.contains('\u{0}') => {
            let message = "the key holds U+0000, as no key does; correct it in the source".to_owned();
            Entry::Bad(BadEntry { place: account.place, uid: None, message })
        }
        Entry::Bad(bad) => Entry::Bad(BadEntry { uid: bad.uid.filter(|uid| !uid.contains('\u{0}')), ..bad }),
        Entry::Account(_) | Entry::Gone(_) => entry,
    }
}
