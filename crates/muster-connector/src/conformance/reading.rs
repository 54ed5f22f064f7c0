//! The promises of sweeps and of reads by key.

use std::collections::BTreeMap;

use super::{Fixture, Sample, account, key_of, made_with, ok, read, samples, sweep};
use crate::{Account, Entry};

const COUNT: usize = 7;

pub(super) async fn pages_of_any_size_give_the_same(subject: &dyn Fixture) {
    let samples = samples(subject, COUNT);
    let connector = subject.system(&samples).await;
    let whole = sweep(subject, &*connector, COUNT * 10, None).await.entries();
    assert_holds(subject, &whole, &samples);
    for page_size in [1, 2, 3, COUNT - 1, COUNT, COUNT + 1] {
        let paged = sweep(subject, &*connector, page_size, None).await.entries();
        assert_eq!(paged, whole, "pages of {page_size} give what one page gives");
    }
    let empty = subject.system(&[]).await;
    assert_eq!(sweep(subject, &*empty, 10, None).await.entries(), [], "an empty system has no entries");
}

fn assert_holds(subject: &dyn Fixture, entries: &[Entry], samples: &[Sample]) {
    let accounts: BTreeMap<String, Account> =
        entries.iter().cloned().map(account).map(|account| (made_with(subject, &account), account)).collect();
    assert_eq!(accounts.len(), samples.len(), "every account is read once");
    for sample in samples {
        let account = &accounts[&sample.uid];
        assert_ne!(account.enabled, Some(false), "`{}` is enabled", sample.uid);
        for (name, field) in &sample.attributes {
            assert_eq!(account.record.get(name.as_str()), field, "`{name}` of `{}`", sample.uid);
        }
    }
}

pub(super) async fn a_sweep_is_taken_up_at_each_cursor(subject: &dyn Fixture) {
    let connector = subject.system(&samples(subject, COUNT)).await;
    for page_size in [1, 3] {
        let whole = sweep(subject, &*connector, page_size, None).await;
        if whole.snapshot.is_none() {
            return;
        }
        for (number, page) in whole.pages.iter().enumerate() {
            let rest: Vec<Entry> =
                whole.pages[number + 1..].iter().flat_map(|page| page.entries.clone()).collect();
            let resumed = sweep(subject, &*connector, 2, Some(page.cursor.clone())).await;
            assert_eq!(resumed.entries(), rest, "after page {number} of {page_size} the same rest follows");
            assert_eq!(resumed.snapshot, whole.snapshot, "a sweep is taken up on the same snapshot");
        }
    }
}

pub(super) async fn keys_without_an_account_are_left_out(subject: &dyn Fixture) {
    let connector = subject.system(&samples(subject, COUNT)).await;
    let known = [key_of(subject, &*connector, 4).await, key_of(subject, &*connector, 0).await];
    let wanted = [known[0].clone(), subject.unknown_uid(), known[1].clone()];
    let mut found: Vec<String> =
        read(subject, &*connector, &wanted).await.into_iter().map(|account| account.uid).collect();
    found.sort();
    let mut expected = known.to_vec();
    expected.sort();
    assert_eq!(found, expected, "the keys that exist are read, the others left out");
    assert_eq!(read(subject, &*connector, &[]).await, [], "no key, no entry");

    let swept = sweep(subject, &*connector, COUNT, None).await.entries();
    let mut whole = Vec::new();
    for number in 0..COUNT {
        whole.push(key_of(subject, &*connector, number).await);
    }
    let by_key = ok(connector.read(&subject.class(), &whole).await, "keys are read");
    let by_uid = |entries: Vec<Entry>| -> BTreeMap<String, Account> {
        entries.into_iter().map(account).map(|account| (account.uid.clone(), account)).collect()
    };
    assert_eq!(by_uid(by_key), by_uid(swept), "a read by key gives what a sweep gives");
}

pub(super) async fn an_unchanged_source_has_one_snapshot(subject: &dyn Fixture) {
    let connector = subject.system(&samples(subject, 3)).await;
    let first = sweep(subject, &*connector, 2, None).await.snapshot;
    let second = sweep(subject, &*connector, 1, None).await.snapshot;
    assert_eq!(first, second, "what did not change has the same snapshot, or none");
    ok(connector.probe(&subject.class()).await, "a system that can be read can be probed");
}

pub(super) async fn names_without_an_account_are_left_out(subject: &dyn Fixture) {
    let connector = subject.system(&samples(subject, COUNT)).await;
    let wanted = [subject.uid(4), subject.uid(COUNT + 1), subject.uid(0)];
    let found = ok(connector.find(&subject.class(), &wanted).await, "names are looked for");
    let mut found: Vec<String> =
        found.into_iter().map(account).map(|account| made_with(subject, &account)).collect();
    found.sort();
    let mut expected = vec![subject.uid(0), subject.uid(4)];
    expected.sort();
    assert_eq!(found, expected, "the names that exist are found, the others left out");
}

pub(super) async fn what_is_offered_holds_the_class(subject: &dyn Fixture) {
    let connector = subject.system(&samples(subject, 3)).await;
    let class = subject.class();
    let offered = ok(connector.discover(std::slice::from_ref(&class)).await, "a system says what it offers");
    let Some(offered) = offered.iter().find(|offered| offered.remote_name == class.remote_name) else {
        panic!("`{}` is offered: {offered:?}", class.remote_name)
    };
    let is_offered = |name: &str| offered.attributes.iter().any(|attribute| attribute.name.as_str() == name);
    for name in [subject.text_attribute(), class.naming_attribute().clone()] {
        assert!(is_offered(name.as_str()), "`{name}` is offered: {offered:?}");
    }
}
