//! Names and their namespaces: ours under any prefix or none, that of instances of schemas, and foreign ones.

/// The namespace of datasets.
pub const NAMESPACE: &str = "urn:muster:dataset:1";

/// The namespace of `nil` and `schemaLocation`.
pub(crate) const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Whose name something has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Space {
    /// That of datasets, or none, which is taken for it.
    Ours,
    /// That of instances of schemas.
    Instance,
    /// Another's.
    Foreign(String),
    /// Its prefix is not declared.
    Undeclared(String),
}

impl Space {
    fn of(namespace: &str) -> Self {
        match namespace {
            NAMESPACE | "" => Self::Ours,
            INSTANCE => Self::Instance,
            other => Self::Foreign(crate::scan::shown(other)),
        }
    }
}

/// The namespaces that are declared, the innermost last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scopes(Vec<Scope>);

#[derive(Debug, Clone)]
struct Scope {
    depth: usize,
    prefix: String,
    space: Space,
}

impl Scopes {
    /// Whether an attribute declares a namespace.
    pub(crate) fn is_declaration(name: &str) -> bool {
        name == "xmlns" || name.starts_with("xmlns:")
    }

    /// Notes what an attribute of an element at that depth declares, if anything.
    pub(crate) fn declare(&mut self, depth: usize, name: &str, value: &str) {
        if Self::is_declaration(name) {
            let prefix = name.strip_prefix("xmlns:").unwrap_or_default().to_owned();
            self.0.push(Scope { depth, prefix, space: Space::of(value) });
        }
    }

    /// Forgets what elements deeper than that declared.
    pub(crate) fn leave(&mut self, depth: usize) {
        while self.0.last().is_some_and(|scope| scope.depth > depth) {
            self.0.pop();
        }
    }

    /// The same declarations, as if they were made outside of everything.
    pub(crate) fn outermost(&self) -> Self {
        Self(self.0.iter().map(|scope| Scope { depth: 0, ..scope.clone() }).collect())
    }

    /// The local name of an element, and whose it is.
    pub(crate) fn of_element<'n>(&self, name: &'n str) -> (&'n str, Space) {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        (local, self.of_prefix(prefix))
    }

    /// The local name of an attribute, and whose it is; one without a prefix is its element's.
    pub(crate) fn of_attribute<'n>(&self, name: &'n str) -> (&'n str, Space) {
        match name.split_once(':') {
            None => (name, Space::Ours),
            Some((prefix, local)) => match self.of_prefix(prefix) {
                Space::Instance => (local, Space::Instance),
                space @ (Space::Ours | Space::Foreign(_) | Space::Undeclared(_)) => (name, space),
            },
        }
    }

    fn of_prefix(&self, prefix: &str) -> Space {
        let declared = self.0.iter().rev().find(|scope| scope.prefix == prefix);
        match declared {
            Some(scope) => scope.space.clone(),
            None if prefix.is_empty() => Space::Ours,
            None => Space::Undeclared(crate::scan::shown(prefix)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_mean_what_stands_nearest() {
        let mut scopes = Scopes::default();
        assert_eq!(scopes.of_element("a"), ("a", Space::Ours));
        assert_eq!(scopes.of_element("m:a"), ("a", Space::Undeclared("m".to_owned())));
        scopes.declare(1, "xmlns", "urn:other");
        scopes.declare(1, "xmlns:m", NAMESPACE);
        scopes.declare(2, "xmlns", "");
        scopes.declare(2, "id", "x");
        assert_eq!(scopes.of_element("a"), ("a", Space::Ours));
        assert_eq!(scopes.of_element("m:a"), ("a", Space::Ours));
        scopes.leave(1);
        assert_eq!(scopes.of_element("a").1, Space::Foreign("urn:other".to_owned()));
        assert_eq!(scopes.outermost().of_element("m:a"), ("a", Space::Ours));
        scopes.leave(0);
        assert_eq!(scopes.of_element("a"), ("a", Space::Ours));
    }

    #[test]
    fn attributes_without_prefix_are_their_elements() {
        let mut scopes = Scopes::default();
        scopes.declare(1, "xmlns", "urn:other");
        scopes.declare(1, "xmlns:xsi", INSTANCE);
        assert_eq!(scopes.of_attribute("id"), ("id", Space::Ours));
        assert_eq!(scopes.of_attribute("xsi:nil"), ("nil", Space::Instance));
        assert_eq!(scopes.of_attribute("xml:lang"), ("xml:lang", Space::Undeclared("xml".to_owned())));
    }
}
