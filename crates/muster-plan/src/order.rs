//! The order in which things that refer to each other are made, so that whatever is named exists by then.
//!
//! Knows numbers only. Takes time and memory in proportion to what it is given, whatever hangs together how.

/// That one node refers to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// Who refers.
    pub from: u32,
    /// Who is referred to.
    pub to: u32,
}

/// Levels that can be written one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// The level of each node. Invariant: every edge that is not deferred leads to a lower level.
    pub levels: Vec<u32>,
    /// The edges, by their places, whose ends belong to one cycle; in the order of their places. They are left
    /// out at first and written once everybody exists.
    pub deferred: Vec<usize>,
}

/// Puts nodes into the lowest levels at which everybody whom they refer to comes before them.
///
/// Members of a cycle cannot all come after each other: the edges among them are deferred, those of a node to
/// itself as well. What comes out depends on nothing but who refers to whom. Edges that name no node are left
/// alone.
#[must_use]
pub fn order(nodes: usize, edges: &[Edge]) -> Order {
    let graph = Graph::new(nodes, edges);
    let cycles = Cycles::of(&graph);
    let same = |edge: &Edge| {
        let ends = (cycles.of_node.get(edge.from as usize), cycles.of_node.get(edge.to as usize));
        matches!(ends, (Some(from), Some(to)) if from == to)
    };
    let deferred = edges.iter().enumerate().filter(|(_, edge)| same(edge)).map(|(place, _)| place).collect();
    let mut levels = vec![0; nodes];
    // A cycle is complete after all that it leads to, so the levels of those are known.
    for node in &cycles.nodes {
        let others = graph.targets(*node).iter().map(|to| *to as usize);
        let others = others.filter(|to| cycles.of_node[*to] != cycles.of_node[*node]);
        levels[*node] = others.map(|to| levels[to] + 1).max().unwrap_or(0);
    }
    Order { levels, deferred }
}

/// Who refers to whom: the targets of each node stand together.
struct Graph {
    first: Vec<usize>,
    targets: Vec<u32>,
}

impl Graph {
    fn new(nodes: usize, edges: &[Edge]) -> Self {
        let exists = |node: u32| (node as usize) < nodes;
        let known = || edges.iter().filter(|edge| exists(edge.from) && exists(edge.to));
        let mut first = vec![0; nodes + 1];
        for edge in known() {
            first[edge.from as usize + 1] += 1;
        }
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        let mut free = first.clone();
        let mut targets = vec![0; first[nodes]];
        for edge in known() {
            let place = &mut free[edge.from as usize];
            targets[*place] = edge.to;
            *place += 1;
        }
        Self { first, targets }
    }

    fn nodes(&self) -> usize {
        self.first.len() - 1
    }

    fn targets(&self, node: usize) -> &[u32] {
        &self.targets[self.first[node]..self.first[node + 1]]
    }
}

/// Which nodes can reach each other. A node that is on no cycle is a cycle of its own here.
struct Cycles {
    /// The number of each node's cycle.
    of_node: Vec<usize>,
    /// All nodes, those of one cycle together, each cycle after all that it leads to.
    nodes: Vec<usize>,
}

/// Not visited, or not complete.
const NONE: usize = usize::MAX;

/// A walk along the edges after Tarjan, with a path of its own in the place of recursion: a chain of managers
/// can be as long as the company.
struct Walk<'a> {
    graph: &'a Graph,
    /// When each node was met.
    met: Vec<usize>,
    /// The earliest node that each can reach among those that are not complete.
    reach: Vec<usize>,
    /// Nodes that are not complete, in the order in which they were met.
    open: Vec<usize>,
    /// The nodes on the way, each with the place of its next target.
    path: Vec<(usize, usize)>,
    clock: usize,
    cycles: Cycles,
}

impl Cycles {
    fn of(graph: &Graph) -> Self {
        let nodes = graph.nodes();
        let cycles = Self { of_node: vec![NONE; nodes], nodes: Vec::with_capacity(nodes) };
        let (met, reach) = (vec![NONE; nodes], vec![NONE; nodes]);
        let mut walk = Walk { graph, met, reach, open: Vec::new(), path: Vec::new(), clock: 0, cycles };
        for start in 0..nodes {
            if walk.met[start] == NONE {
                walk.from(start);
            }
        }
        walk.cycles
    }
}

impl Walk<'_> {
    fn from(&mut self, start: usize) {
        self.enter(start);
        while let Some((node, next)) = self.path.last_mut() {
            let node = *node;
            let Some(target) = self.graph.targets(node).get(*next).map(|target| *target as usize) else {
                self.leave(node);
                continue;
            };
            *next += 1;
            if self.met[target] == NONE {
                self.enter(target);
            } else if self.cycles.of_node[target] == NONE {
                self.reach[node] = self.reach[node].min(self.met[target]);
            }
        }
    }

    fn enter(&mut self, node: usize) {
        (self.met[node], self.reach[node]) = (self.clock, self.clock);
        self.clock += 1;
        self.open.push(node);
        self.path.push((node, 0));
    }

    fn leave(&mut self, node: usize) {
        self.path.pop();
        if let Some((before, _)) = self.path.last() {
            self.reach[*before] = self.reach[*before].min(self.reach[node]);
        }
        if self.reach[node] != self.met[node] {
            return;
        }
        // Nobody who was met before can be reached from here: all that is open since then is one cycle.
        while let Some(member) = self.open.pop() {
            self.cycles.of_node[member] = node;
            self.cycles.nodes.push(member);
            if member == node {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edges(pairs: &[(u32, u32)]) -> Vec<Edge> {
        pairs.iter().map(|(from, to)| Edge { from: *from, to: *to }).collect()
    }

    #[test]
    fn levels_are_the_lowest_possible_and_edges_of_cycles_are_deferred() {
        for (what, nodes, pairs, levels, deferred) in [
            ("nobody", 0, &[] as &[(u32, u32)], &[] as &[u32], &[] as &[usize]),
            ("strangers", 3, &[], &[0, 0, 0], &[]),
            ("a chain, the last first", 4, &[(0, 1), (1, 2), (2, 3)], &[3, 2, 1, 0], &[]),
            ("a chain, the first first", 4, &[(3, 2), (2, 1), (1, 0)], &[0, 1, 2, 3], &[]),
            ("two ways to one", 4, &[(0, 1), (1, 3), (0, 2), (2, 3), (0, 3)], &[2, 1, 1, 0], &[]),
            ("the same twice", 2, &[(1, 0), (1, 0)], &[0, 1], &[]),
            ("oneself", 2, &[(0, 0), (1, 0)], &[0, 1], &[0]),
            ("each other", 2, &[(0, 1), (1, 0)], &[0, 0], &[0, 1]),
            ("a cycle of three", 3, &[(0, 1), (1, 2), (2, 0)], &[0, 0, 0], &[0, 1, 2]),
            (
                "a cycle with a boss and a secretary",
                5,
                &[(0, 1), (1, 2), (2, 0), (1, 3), (4, 0)],
                &[0, 1, 0, 0, 1],
                &[0, 1, 2],
            ),
            (
                "two cycles in a row",
                4,
                &[(0, 1), (1, 0), (1, 2), (2, 3), (3, 2)],
                &[0, 1, 0, 0],
                &[0, 1, 3, 4],
            ),
            ("nobody of that number", 2, &[(0, 7), (7, 0), (0, 1)], &[1, 0], &[]),
        ] {
            let found = order(nodes, &edges(pairs));
            assert_eq!((found.levels.as_slice(), found.deferred.as_slice()), (levels, deferred), "{what}");
        }
    }

    #[test]
    fn a_chain_as_long_as_a_company_needs_no_deep_stack() {
        let nodes = 300_000;
        let chain: Vec<Edge> = (1..nodes).map(|node| Edge { from: node - 1, to: node }).collect();
        let found = order(nodes as usize, &chain);
        assert_eq!((found.levels[0], found.deferred.len()), (nodes - 1, 0));
        let ring: Vec<Edge> = (0..nodes).map(|node| Edge { from: node, to: (node + 1) % nodes }).collect();
        let found = order(nodes as usize, &ring);
        assert_eq!((found.levels.iter().max(), found.deferred.len()), (Some(&0), nodes as usize));
    }

    const NODES: u32 = 12;

    fn any_edges() -> impl Strategy<Value = Vec<Edge>> {
        let edge = (0..NODES, 0..NODES).prop_map(|(from, to)| Edge { from, to });
        proptest::collection::vec(edge, 0..30)
    }

    /// Who can be reached from a node in one step or more.
    fn reachable(from: u32, edges: &[Edge]) -> Vec<u32> {
        let mut reached: Vec<u32> = Vec::new();
        let mut ahead = vec![from];
        while let Some(node) = ahead.pop() {
            for edge in edges.iter().filter(|edge| edge.from == node) {
                if !reached.contains(&edge.to) {
                    reached.push(edge.to);
                    ahead.push(edge.to);
                }
            }
        }
        reached
    }

    proptest! {
        #[test]
        fn every_edge_leads_down_or_is_deferred(edges in any_edges()) {
            let found = order(NODES as usize, &edges);
            for (place, edge) in edges.iter().enumerate() {
                let (from, to) = (found.levels[edge.from as usize], found.levels[edge.to as usize]);
                let is_deferred = found.deferred.contains(&place);
                prop_assert!(is_deferred || to < from, "{:?}", edge);
                let on_cycle = reachable(edge.to, &edges).contains(&edge.from) || edge.from == edge.to;
                prop_assert_eq!(is_deferred, on_cycle, "{:?}", edge);
            }
            // No level is higher than it has to be.
            for (node, level) in (0..NODES).zip(&found.levels) {
                let kept = edges.iter().enumerate().filter(|(place, edge)| {
                    edge.from == node && !found.deferred.contains(place)
                });
                let below = kept.map(|(_, edge)| found.levels[edge.to as usize] + 1).max().unwrap_or(0);
                prop_assert_eq!(*level, below);
            }
        }

        #[test]
        fn nothing_is_deferred_where_there_is_no_cycle(edges in any_edges()) {
            let downhill: Vec<Edge> = edges.into_iter().filter(|edge| edge.from > edge.to).collect();
            prop_assert_eq!(order(NODES as usize, &downhill).deferred, Vec::<usize>::new());
        }

        #[test]
        fn who_is_called_what_makes_no_difference(
            edges in any_edges(),
            names in Just((0..NODES).collect::<Vec<u32>>()).prop_shuffle(),
            turn in 0..30usize,
        ) {
            let found = order(NODES as usize, &edges);
            let name = |node: u32| names[node as usize];
            let mut places: Vec<usize> = (0..edges.len()).collect();
            let turn = turn.min(places.len());
            places.rotate_left(turn);
            let renamed: Vec<Edge> = places
                .iter()
                .map(|place| Edge { from: name(edges[*place].from), to: name(edges[*place].to) })
                .collect();
            let again = order(NODES as usize, &renamed);
            for node in 0..NODES {
                prop_assert_eq!(again.levels[name(node) as usize], found.levels[node as usize]);
            }
            let mut deferred: Vec<usize> = again.deferred.iter().map(|place| places[*place]).collect();
            deferred.sort_unstable();
            prop_assert_eq!(deferred, found.deferred);
        }
    }
}
