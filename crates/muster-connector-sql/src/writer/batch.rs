//! One call's operations as one transaction: all at once where that goes, and else in halves, until each that is refused
//! stands alone.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use muster_connector::text::shown;
use muster_connector::{ConnectorError, WriteResult, Written};

use super::act::{Act, Beside, Row};
use super::told::{Told, refused};
use crate::fault::{Concerns, Fault, Sort};
use crate::layout::Layout;
use crate::link::Link;
use crate::statements::{Statements, Table};
use crate::value::Bind;

/// Writes all that can be written, and answers an outcome for each.
///
/// # Errors
/// When nothing was written, for a reason that all have in common.
pub(super) async fn write(link: &mut Link, layout: &Layout, acts: &[Act]) -> Result<Vec<WriteResult>, Fault> {
    link.begin().await?;
    let first = match apply(link, layout, acts).await {
        Ok(outcomes) => match link.commit().await {
            Ok(()) => return Ok(outcomes),
            Err(fault) => fault,
        },
        Err(fault) => fault,
    };
    if first.ends_connection {
        return Err(first);
    }
    link.roll_back().await?;
    if concerns_all(link, &first).await {
        return Err(first);
    }
    if let [act] = acts {
        return Ok(vec![Err(refused(layout, act, &first))]);
    }
    let told = in_halves(link, layout, acts).await?;
    match link.commit().await {
        Ok(()) => Ok(told.settled(acts)),
        Err(fault) if fault.concerns_all() => Err(fault),
        // What is checked at the end only does not tell whom it is about.
        Err(_) => {
            link.roll_back().await?;
            Ok(one_by_one(link, layout, acts).await?.settled(acts))
        }
    }
}

/// Whether all operations that are carried out by the same statement would fail. Where the code does not say so, the
/// statement is tried without any row.
async fn concerns_all(link: &mut Link, fault: &Fault) -> bool {
    match (fault.concerns, &fault.tried) {
        _ if fault.concerns_all() => true,
        (Concerns::Unclear, Some(tried)) => link.could_carry_out(tried).await.is_err(),
        (Concerns::Unclear, None) | (Concerns::One | Concerns::All, _) => false,
    }
}

/// Halves what is refused. The left half is written before the right one is tried: in the end each operation is judged
/// after all that were asked for before it.
async fn in_halves(link: &mut Link, layout: &Layout, acts: &[Act]) -> Result<Told, Fault> {
    link.begin().await?;
    let mut told = Told::of(acts);
    let mut waiting: Vec<Range<usize>> = halves(0..acts.len()).into();
    while let Some(range) = waiting.pop() {
        link.all("SAVEPOINT part".to_owned(), Vec::new()).await?;
        match apply(link, layout, &acts[range.clone()]).await {
            Ok(written) => {
                link.all("RELEASE SAVEPOINT part".to_owned(), Vec::new()).await?;
                range.zip(written).for_each(|(place, outcome)| told.outcomes[place] = outcome);
            }
            Err(fault) if fault.ends_connection => return Err(fault),
            Err(fault) => {
                link.all("ROLLBACK TO SAVEPOINT part".to_owned(), Vec::new()).await?;
                link.all("RELEASE SAVEPOINT part".to_owned(), Vec::new()).await?;
                if concerns_all(link, &fault).await {
                    link.roll_back().await?;
                    return Err(fault);
                }
                match range.len() {
                    1 => told.refuse(layout, acts, (range.start, &fault)),
                    _ => waiting.extend(halves(range)),
                }
            }
        }
    }
    Ok(told)
}

/// The right half, then the left one: what comes last is taken first.
fn halves(range: Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len() / 2;
    [middle..range.end, range.start..middle]
}

/// A transaction for each.
async fn one_by_one(link: &mut Link, layout: &Layout, acts: &[Act]) -> Result<Told, Fault> {
    let mut told = Told::of(acts);
    for (place, act) in acts.iter().enumerate() {
        link.begin().await?;
        let written = match apply(link, layout, std::slice::from_ref(act)).await {
            Ok(mut written) => {
                link.commit().await.map(|()| written.pop().unwrap_or_else(|| Ok(Written::default())))
            }
            Err(fault) => Err(fault),
        };
        match written {
            Ok(outcome) => told.outcomes[place] = outcome,
            Err(fault) if fault.ends_connection => return Err(fault),
            Err(fault) => {
                link.roll_back().await?;
                told.refuse(layout, acts, (place, &fault));
            }
        }
    }
    Ok(told)
}

/// Carries operations out, each kind and shape by one statement. Those for one key keep their order: each round has a
/// key once.
async fn apply(link: &mut Link, layout: &Layout, acts: &[Act]) -> Result<Vec<WriteResult>, Fault> {
    let mut outcomes: Vec<WriteResult> = acts.iter().map(|_| Ok(Written::default())).collect();
    let mut statements = Statements { link, layout };
    for round in rounds(acts) {
        for group in groups(acts, round) {
            match &acts[group[0]] {
                Act::Create { .. } => create(&mut statements, acts, &group, &mut outcomes).await?,
                Act::Update { .. } => update(&mut statements, acts, &group, &mut outcomes).await?,
                Act::Delete { .. } => {
                    let keys: Vec<String> =
                        group.iter().map(|place| acts[*place].called().to_owned()).collect();
                    statements.delete(&keys).await?;
                }
            }
        }
    }
    Ok(outcomes)
}

/// Operations side by side that concern different accounts.
fn rounds(acts: &[Act]) -> Vec<Vec<usize>> {
    let (mut rounds, mut met): (Vec<Vec<usize>>, HashMap<&str, usize>) = (Vec::new(), HashMap::new());
    for (place, act) in acts.iter().enumerate() {
        let times = met.entry(act.called()).or_insert(0);
        match rounds.get_mut(*times) {
            Some(round) => round.push(place),
            None => rounds.push(vec![place]),
        }
        *times += 1;
    }
    rounds
}

/// Operations of a round that look alike, in the order of the first of each.
fn groups(acts: &[Act], round: Vec<usize>) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<(u8, Vec<usize>), usize> = HashMap::new();
    for place in round {
        let columns = |row: &Row| row.columns.iter().map(|(column, _)| *column).collect();
        let shape = match &acts[place] {
            Act::Create { row, .. } => (0, columns(row)),
            Act::Update { row, .. } => (1, columns(row)),
            Act::Delete { .. } => (2, Vec::new()),
        };
        let group = *known.entry(shape).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(place);
    }
    groups
}

fn row_of(act: &Act) -> Option<&Row> {
    match act {
        Act::Create { row, .. } | Act::Update { row, .. } => Some(row),
        Act::Delete { .. } => None,
    }
}

fn columns_of(act: &Act) -> Vec<usize> {
    row_of(act).map_or_else(Vec::new, |row| row.columns.iter().map(|(column, _)| *column).collect())
}

async fn create(
    statements: &mut Statements<'_>,
    acts: &[Act],
    group: &[usize],
    outcomes: &mut [WriteResult],
) -> Result<(), Fault> {
    let names: Vec<String> = group.iter().map(|place| acts[*place].called().to_owned()).collect();
    statements.purge(&names).await?;
    let rows: Table = group
        .iter()
        .filter_map(|place| row_of(&acts[*place]))
        .map(|row| row.columns.iter().map(|(_, bind)| bind.clone()).collect())
        .collect();
    let made = statements.insert(&columns_of(&acts[group[0]]), rows).await?;
    let mut keys = HashMap::new();
    if statements.layout.gives_keys {
        let by_name: HashMap<String, String> =
            made.iter().filter_map(|(key, name)| Some((name.clone()?, key.clone()?))).collect();
        for place in group {
            let only = made.first().filter(|_| group.len() == 1).and_then(|(key, _)| key.as_ref());
            // A name that came back in another spelling is asked for alone.
            let Some(given) = by_name.get(acts[*place].called()).or(only) else {
                return Err(Fault {
                    sort: Sort::Rejected,
                    concerns: Concerns::One,
                    ends_connection: false,
                    ..Fault::broken("it tells no key")
                });
            };
            outcomes[*place] = Ok(Written { given_uid: Some(given.clone()) });
            keys.insert(*place, given.clone());
        }
    }
    let owners = group.iter().map(|place| {
        let own = || acts[*place].called().to_owned();
        (*place, keys.get(place).cloned().unwrap_or_else(own))
    });
    beside(statements, acts, owners.collect()).await
}

async fn update(
    statements: &mut Statements<'_>,
    acts: &[Act],
    group: &[usize],
    outcomes: &mut [WriteResult],
) -> Result<(), Fault> {
    let key = |place: &usize| Bind::Text(acts[*place].called().to_owned());
    let cells = |place: &usize| row_of(&acts[*place]).into_iter().flat_map(|row| &row.columns);
    let rows: Table = group
        .iter()
        .map(|place| std::iter::once(key(place)).chain(cells(place).map(|(_, bind)| bind.clone())).collect())
        .collect();
    let there: HashSet<String> = statements.update(&columns_of(&acts[group[0]]), rows).await?;
    let mut owners = Vec::with_capacity(group.len());
    for place in group {
        let uid = acts[*place].called();
        match there.contains(uid) {
            true => owners.push((*place, uid.to_owned())),
            false => {
                let message = format!("`{}` of `{}`: it does not exist", shown(uid), statements.layout.shown);
                outcomes[*place] = Err(ConnectorError::Missing { message });
            }
        }
    }
    beside(statements, acts, owners).await
}

/// What stands in tables beside, of accounts that are there.
async fn beside(
    statements: &mut Statements<'_>,
    acts: &[Act],
    owners: Vec<(usize, String)>,
) -> Result<(), Fault> {
    let layout = statements.layout;
    for (number, several) in layout.several.iter().enumerate() {
        let (mut clear, mut add, mut remove) = (Vec::new(), Table::new(), Table::new());
        for (place, owner) in &owners {
            let writes = row_of(&acts[*place]).into_iter().flat_map(|row| &row.beside);
            for write in writes.filter(|write: &&Beside| write.several == number) {
                let pair = |value: &Bind| vec![Bind::Text(owner.clone()), value.clone()];
                // What was just made has nothing there.
                if write.clear && matches!(acts[*place], Act::Update { .. }) {
                    clear.push(owner.clone());
                }
                add.extend(write.add.iter().map(pair));
                remove.extend(write.remove.iter().map(pair));
            }
        }
        if !clear.is_empty() {
            statements.clear(several, &clear).await?;
        }
        statements.remove(several, remove).await?;
        statements.add(several, add).await?;
    }
    Ok(())
}
