//! Why the values of an IM object are as they are: which run wrote each of them by which mapping, or who did by hand.

use std::collections::HashMap;

use actix_web::HttpResponse;
use muster_engine::{ExplainedMapping, Explanation};
use muster_model::{AttributeName, ImObject, ObjectKind, RunId};
use muster_plan::change::Action;
use muster_store::{AccountRecord, HistoryRecord, RunRecord};

use super::find;
use crate::call::Call;
use crate::error::ApiError;
use crate::query::MOST_ROWS;
use crate::view::{ValueOriginView, WrittenBy};

/// What is known about the writes of an object.
struct Known {
    object: ImObject,
    history: Vec<HistoryRecord>,
    accounts: Vec<AccountRecord>,
    /// By their numbers, as provenance has them.
    runs: HashMap<i64, (RunRecord, Explanation)>,
}

pub(super) async fn why(kind: ObjectKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let object = find(kind, call).await?;
    let _turn = call.state.search(call.store.slug()).await?;
    let held = object.attributes.iter().map(|(name, _)| name);
    let asked = |name: &&AttributeName| call.query.attribute.as_ref().is_none_or(|asked| asked == *name);
    let names: Vec<AttributeName> = held.filter(asked).cloned().collect();
    if let (Some(attribute), true) = (&call.query.attribute, names.is_empty()) {
        return Err(ApiError::NotFound(format!("attribute `{attribute}` of {kind} `{}`", object.id)));
    }
    let known = Known::about(object, &names, call).await?;
    let views: Vec<_> = names.iter().map(|name| known.origin_of(name)).collect();
    Ok(HttpResponse::Ok().json(views))
}

impl Known {
    async fn about(object: ImObject, names: &[AttributeName], call: &Call) -> Result<Self, ApiError> {
        let store = &call.store;
        let history = store.object_history((object.kind, object.id), None, MOST_ROWS).await?;
        let accounts = store.accounts_of(object.id, None).await?;
        let origins = names.iter().filter_map(|name| object.provenance.of(name.as_str()));
        let mut numbers: Vec<i64> = origins.map(|origin| origin.run).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut runs = HashMap::new();
        for run in store.runs_numbered(&numbers).await? {
            let explanation = call.engine().explain(store, &run).await?;
            runs.insert(run.no, (run, explanation));
        }
        Ok(Self { object, history, accounts, runs })
    }

    fn origin_of(&self, name: &AttributeName) -> ValueOriginView {
        let value = self.object.attributes.get(name.as_str());
        let origin = self.object.provenance.of(name.as_str());
        let written = self.last_write(name);
        if let Some((record, actor)) = written.and_then(|record| Some((record, record.actor.as_ref()?))) {
            return ValueOriginView::new(name, value, WrittenBy::Hand { at: record.at, actor });
        }
        let Some(origin) = origin else { return ValueOriginView::new(name, value, WrittenBy::Nobody) };
        let of_origin = self.runs.get(&origin.run);
        let noted: Option<RunId> = written.and_then(|record| record.run.as_ref()).map(|(id, ..)| *id);
        let run = of_origin.filter(|(run, _)| noted.is_none_or(|noted| noted == run.id));
        let mappings: Vec<ExplainedMapping> = run
            .map(|(_, explanation)| explanation.value_mappings((&origin.application, self.object.kind), name))
            .unwrap_or_default();
        let accounts = self.accounts.iter().filter(|account| account.application == origin.application);
        let by = WrittenBy::Run {
            application: &origin.application,
            accounts: accounts.map(|account| account.uid.as_str()).collect(),
            run: of_origin.map(|(run, _)| run),
            at: written.map(|record| record.at),
            mappings,
        };
        ValueOriginView::new(name, value, by)
    }

    /// The write that gave an attribute its value, if the history still has it: what was given with the object itself
    /// replaced nothing.
    fn last_write(&self, name: &AttributeName) -> Option<&HistoryRecord> {
        let life = self.history.iter().take_while(|record| record.action != Action::Delete);
        let mut wrote = life.filter(|record| {
            record.replaced == 0 || record.before.iter().any(|(replaced, _)| replaced == name)
        });
        wrote.next()
    }
}
