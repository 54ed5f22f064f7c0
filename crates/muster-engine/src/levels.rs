//! Levels: what the names of accounts demand of the order in which changes are written, where a target refuses names
//! of accounts that do not exist, or a name that another account still has. Held for the changes alone that name somebody
//! or are named, and for those that hand names over.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use muster_model::run::Wave;
use muster_plan::change::Action;
use muster_plan::key::KeyHash;
use muster_plan::order::{Edge, order};
use muster_store::{Slot, Sorting};
use roaring::RoaringBitmap;

use crate::error::EngineError;
use crate::naming::NAMES_EACH;
use crate::outbound::AccountClass;
use crate::parts::Part;
use crate::sequence::Step;
use crate::worker::Work;

/// Whom changes name once everybody has been made, sorted.
type Later = Vec<(u32, KeyHash)>;

/// What is demanded in a wave. Levels are those of changes above the first level, sorted by their numbers.
#[derive(Debug)]
pub(crate) enum Levels {
    /// Nothing: the target takes any name.
    None,
    /// Accounts are made and changed, those first that are named by others.
    Building { levels: Vec<(u32, u32)>, later: Later },
    /// Everybody has been made: accounts get the names they were made without, and those that are about to be
    /// deleted and name each other (`entangled`) lose them.
    Connecting { later: Later, entangled: RoaringBitmap },
    /// Accounts are deleted, those first that name others.
    Withdrawing { levels: Vec<(u32, u32)> },
}

impl Levels {
    /// The levels of the changes that are not in the first.
    pub(crate) fn above_first(&self) -> &[(u32, u32)] {
        match self {
            Self::Building { levels, .. } | Self::Withdrawing { levels } => levels,
            Self::None | Self::Connecting { .. } => &[],
        }
    }

    /// The level of a change.
    pub(crate) fn of(&self, change: u32) -> u32 {
        let levels = self.above_first();
        levels.binary_search_by_key(&change, |(change, _)| *change).map_or(0, |place| levels[place].1)
    }

    /// How many changes stand in each level above the first.
    pub(crate) fn counts(&self) -> BTreeMap<u32, u64> {
        let mut counts = BTreeMap::new();
        for (_, level) in self.above_first() {
            *counts.entry(*level).or_default() += 1;
        }
        counts
    }

    /// Whether a change waits for others with a name.
    pub(crate) fn names_later(&self, change: u32, account: KeyHash) -> bool {
        match self {
            Self::Building { later, .. } | Self::Connecting { later, .. } => {
                later.binary_search(&(change, account)).is_ok()
            }
            Self::None | Self::Withdrawing { .. } => false,
        }
    }

    /// Whether it matters whom a change names: not of accounts that go.
    pub(crate) fn minds_names_of(&self, change: u32) -> bool {
        match self {
            Self::None | Self::Building { .. } => true,
            Self::Connecting { entangled, .. } => !entangled.contains(change),
            Self::Withdrawing { .. } => false,
        }
    }

    /// Whether something is left of a change for the time when everybody has been made.
    pub(crate) fn connects(&self, slot: &Slot) -> bool {
        match self {
            Self::Connecting { later, entangled } => {
                let first = later.partition_point(|(change, _)| *change < slot.change);
                entangled.contains(slot.change)
                    || later.get(first).is_some_and(|(change, _)| *change == slot.change)
            }
            Self::None | Self::Building { .. } | Self::Withdrawing { .. } => false,
        }
    }
}

/// Changes that are in memory at a time: those of some levels, and of them one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    levels: RangeInclusive<u32>,
    piece: Piece,
}

/// A piece of a level, by what its changes are sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    All,
    Keys(Part),
    Numbers(Range<u64>),
}

impl Window {
    pub(crate) fn holds(&self, step: &Step) -> bool {
        let is_in_piece = match &self.piece {
            Piece::All => true,
            Piece::Keys(part) => part.holds(step.slot.position),
            Piece::Numbers(numbers) => numbers.contains(&u64::from(step.slot.change)),
        };
        self.levels.contains(&step.place.level) && is_in_piece
    }
}

/// The pieces of a level of so many changes.
fn pieces(sorting: Sorting, count: u64, (changes, at_once): (u64, u64)) -> Vec<Piece> {
    match sorting {
        Sorting::ByKey => Part::all(count, at_once).map(Piece::Keys).collect(),
        // Those of a level may have any numbers.
        Sorting::ByNumber => {
            let at_once = at_once.max(1);
            let firsts = (0..=changes / at_once).map(|piece| piece * at_once);
            firsts.map(|first| Piece::Numbers(first..first + at_once)).collect()
        }
    }
}

/// The windows in which so many changes come in their order, each of at most so many changes as far as places of keys
/// are spread evenly. `counts` says how many there are of them in each level above the first.
pub(crate) fn windows(
    sorting: Sorting,
    counts: &BTreeMap<u32, u64>,
    (changes, at_once): (u64, u64),
) -> Vec<Window> {
    let last = counts.last_key_value().map_or(0, |(level, _)| *level);
    if changes < at_once {
        return vec![Window { levels: 0..=last, piece: Piece::All }];
    }
    let in_pieces = |level: u32, count| {
        let pieces = pieces(sorting, count, (changes, at_once));
        pieces.into_iter().map(move |piece| Window { levels: level..=level, piece })
    };
    let mut windows: Vec<Window> = in_pieces(0, changes).collect();
    let mut held = 0;
    for (level, count) in counts {
        match windows.last_mut() {
            _ if *count >= at_once => windows.extend(in_pieces(*level, *count)),
            Some(Window { levels, piece: Piece::All }) if held + count <= at_once => {
                *levels = *levels.start()..=*level;
                held += count;
                continue;
            }
            _ => windows.push(Window { levels: *level..=*level, piece: Piece::All }),
        }
        held = *count;
    }
    windows
}

/// Who waits for whom, and with which name: first those who name others.
#[derive(Debug, Default)]
struct Waiting {
    pairs: Vec<(u32, u32)>,
    keys: Vec<KeyHash>,
}

impl Work {
    /// The levels in which accounts are made and changed, and whom they name later: members of their own cycle, and
    /// accounts that a later bucket makes.
    pub(crate) async fn building(&self, index: usize, class: &AccountClass) -> Result<Levels, EngineError> {
        let (mut waiting, mut later) = match class.orders_references() {
            true => self.waiting_for_accounts(index).await?,
            false => (Waiting::default(), Later::new()),
        };
        if class.hands_names_over() {
            waiting.pairs.extend(self.waiting_for_names(index).await?);
        }
        let (levels, deferred) = arrange(&waiting.pairs);
        // A name that is handed over is no account that could be named later.
        let named = deferred.into_iter().filter_map(|at| Some((waiting.pairs[at].0, *waiting.keys.get(at)?)));
        later.extend(named);
        later.sort_unstable();
        Ok(Levels::Building { levels, later })
    }

    /// Who names accounts that are made by others of the bucket, and who those that a later bucket makes.
    async fn waiting_for_accounts(&self, index: usize) -> Result<(Waiting, Later), EngineError> {
        let application = &self.buckets[index].application;
        let mut later = Later::new();
        let mut waiting = Waiting::default();
        for part in self.parts_of(index, NAMES_EACH) {
            let naming = self.naming(index, part, |slot| slot.wave == Wave::Build).await?;
            if naming.is_empty() {
                continue;
            }
            let makers = self.makers(application, part).await?;
            for mention in naming {
                for maker in makers.of(mention.hash) {
                    match maker.index.cmp(&index) {
                        std::cmp::Ordering::Less => {}
                        std::cmp::Ordering::Equal => {
                            waiting.pairs.push((mention.change, maker.change));
                            waiting.keys.push(mention.hash);
                        }
                        std::cmp::Ordering::Greater => later.push((mention.change, mention.hash)),
                    }
                }
            }
        }
        Ok((waiting, later))
    }

    /// What is left for the time when everybody has been made.
    pub(crate) async fn connecting(&self, index: usize, class: &AccountClass) -> Result<Levels, EngineError> {
        let later = match self.building(index, class).await? {
            Levels::Building { later, .. } | Levels::Connecting { later, .. } => later,
            Levels::None | Levels::Withdrawing { .. } => Later::new(),
        };
        let (_, entangled) = self.withdrawn(index).await?;
        Ok(Levels::Connecting { later, entangled })
    }

    /// The levels in which accounts are deleted.
    pub(crate) async fn withdrawing(&self, index: usize) -> Result<Levels, EngineError> {
        let (levels, _) = self.withdrawn(index).await?;
        Ok(Levels::Withdrawing { levels })
    }

    /// The levels in which accounts are deleted, those who name others first, and the deletes of accounts that name
    /// each other.
    async fn withdrawn(&self, index: usize) -> Result<(Vec<(u32, u32)>, RoaringBitmap), EngineError> {
        let is_delete = |slot: &Slot| slot.action == Action::Delete;
        let mut pairs = Vec::new();
        for part in self.parts_of(index, NAMES_EACH) {
            let naming = self.naming(index, part, is_delete).await?;
            if naming.is_empty() {
                continue;
            }
            let mut deleted = Vec::new();
            self.each_lists(index, |lists| {
                let deletes = lists.slots.iter().filter(|slot| is_delete(slot) && part.holds(slot.position));
                deleted.extend(deletes.map(|slot| (slot.position, slot.change)));
            })
            .await?;
            deleted.sort_unstable();
            for mention in naming {
                let position = mention.hash.position();
                let first = deleted.partition_point(|(place, _)| *place < position);
                let named = deleted[first..].iter().take_while(|(place, _)| *place == position);
                // An account that names itself is in nobody's way.
                let others = named.filter(|(_, change)| *change != mention.change);
                pairs.extend(others.map(|(_, change)| (*change, mention.change)));
            }
        }
        let (levels, deferred) = arrange(&pairs);
        Ok((levels, deferred.into_iter().map(|place| pairs[place].1).collect()))
    }
}

/// Orders changes by who waits for whom; answers the levels of those that are not in the first, by their numbers, and
/// the places of the pairs that belong to cycles.
pub(crate) fn arrange(pairs: &[(u32, u32)]) -> (Vec<(u32, u32)>, Vec<usize>) {
    let mut nodes: Vec<u32> = pairs.iter().flat_map(|(from, to)| [*from, *to]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let node = |change: u32| {
        let place = nodes.partition_point(|known| *known < change);
        u32::try_from(place).unwrap_or(u32::MAX)
    };
    let edges: Vec<Edge> = pairs.iter().map(|(from, to)| Edge { from: node(*from), to: node(*to) }).collect();
    let order = order(nodes.len(), &edges);
    let levels = nodes.into_iter().zip(order.levels).filter(|(_, level)| *level > 0).collect();
    (levels, order.deferred)
}

#[cfg(test)]
mod tests {
    use muster_plan::key::Position;
    use muster_store::{Makes, PageOrder};

    use super::*;

    const SORTINGS: [Sorting; 2] = [Sorting::ByKey, Sorting::ByNumber];

    fn step(sorting: Sorting, level: u32, (position, change): (u64, u32)) -> Step {
        let slot = Slot {
            wave: Wave::Build,
            position: Position(position),
            change,
            makes: Makes::Nothing,
            action: Action::Create,
        };
        Step { place: PageOrder::of(slot, level, sorting), slot }
    }

    #[test]
    fn every_change_is_in_one_window_and_windows_come_in_the_order_of_changes() {
        let deep: BTreeMap<u32, u64> = [(1, 30), (2, 3), (3, 4), (4, 9), (5, 1)].into();
        let none = BTreeMap::new();
        for (sorting, counts, changes, at_once, expected) in [
            (Sorting::ByKey, &none, 9, 10, 1),
            (Sorting::ByKey, &none, 10, 10, 2),
            (Sorting::ByKey, &deep, 99, 100, 1),
            // Sixteen parts of the first level, four of the second; then two levels at a time.
            (Sorting::ByKey, &deep, 100, 10, 16 + 4 + 1 + 1),
            (Sorting::ByKey, &deep, 100, 40, 4 + 1 + 1),
            (Sorting::ByNumber, &none, 9, 10, 1),
            (Sorting::ByNumber, &none, 10, 10, 2),
            (Sorting::ByNumber, &deep, 99, 100, 1),
            // Of the levels that are too large all numbers are gone through.
            (Sorting::ByNumber, &deep, 100, 10, 11 + 11 + 1 + 1),
            (Sorting::ByNumber, &deep, 100, 40, 3 + 1 + 1),
        ] {
            let windows = windows(sorting, counts, (changes, at_once));
            assert_eq!(windows.len(), expected, "{sorting:?} {counts:?} {changes} {at_once}: {windows:?}");
            let levels = 0..=counts.last_key_value().map_or(0, |(level, _)| *level);
            let number = |place: u64| u32::try_from(place * changes / 63).expect("a number");
            let steps = levels.flat_map(|level| (0..64).map(move |place| (level, place)));
            let holding: Vec<usize> = steps
                .map(|(level, place)| {
                    let step = step(sorting, level, (place << 58, number(place)));
                    let holding: Vec<usize> =
                        (0..windows.len()).filter(|window| windows[*window].holds(&step)).collect();
                    assert_eq!(holding.len(), 1, "{step:?}");
                    holding[0]
                })
                .collect();
            assert!(holding.is_sorted(), "{holding:?}");
        }
    }

    #[test]
    fn a_window_of_several_levels_holds_no_more_than_it_should() {
        let counts: BTreeMap<u32, u64> = (1..=50).map(|level| (level, 3)).collect();
        for sorting in SORTINGS {
            let windows = windows(sorting, &counts, (1000, 10));
            for window in windows.iter().filter(|window| window.piece == Piece::All) {
                let held: u64 = counts.range(window.levels.clone()).map(|(_, count)| count).sum();
                assert!((1..=10).contains(&held), "{window:?}");
            }
        }
    }

    #[test]
    fn levels_are_those_of_whom_one_waits_for() {
        let (levels, deferred) = arrange(&[(7, 3), (3, 1), (9, 9), (5, 1)]);
        assert_eq!((levels, deferred), (vec![(3, 1), (5, 1), (7, 2)], vec![2]));
    }
}
