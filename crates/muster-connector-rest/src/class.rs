//! A class of the contract as the description has it: each attribute with where it stands.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_connector::{ClassPart, ClassProblem, RemoteClass, RemoteMembership};
use muster_model::{AttributeName, Names};

use crate::description::{Class, Description, Source};

/// One attribute of a class.
#[derive(Debug, Clone)]
pub(crate) struct ClassAttribute {
    pub(crate) name: AttributeName,
    pub(crate) source: Source,
    /// Whether it holds several values.
    pub(crate) is_list: bool,
}

/// Entitlements that hold who is a member.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    /// The attribute that accounts seem to have.
    pub(crate) attribute: AttributeName,
    /// Where the accounts themselves say what they are members of, if they do.
    pub(crate) own: Option<Source>,
    /// The entitlements, and where these say who their members are.
    pub(crate) class: Arc<Class>,
    pub(crate) members: Source,
}

/// A class with the attributes that are read.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) name: String,
    pub(crate) class: Arc<Class>,
    /// In the order of the names.
    pub(crate) attributes: Vec<ClassAttribute>,
    pub(crate) names: Arc<Names>,
    pub(crate) uid: AttributeName,
    /// Where the name stands by which a thing is made and found.
    pub(crate) naming: ClassAttribute,
    pub(crate) membership: Option<Membership>,
}

impl Layout {
    /// # Errors
    /// With all that is wrong with the class.
    pub(crate) fn of(remote: &RemoteClass, description: &Description) -> Result<Self, Vec<ClassProblem>> {
        let problems = check(remote, description);
        let found = description.classes.get(&remote.remote_name);
        let (Some(class), true) = (found, problems.is_empty()) else { return Err(problems) };
        let shown = remote.membership.as_ref().map(|membership| &membership.attribute);
        let wanted: Vec<(AttributeName, bool)> = match remote.attributes.is_empty() {
            false => remote.attributes.iter().map(|known| (known.name.clone(), known.multi_valued)).collect(),
            true => class.attributes.keys().map(|name| (name.as_str().into(), false)).collect(),
        };
        let mut seen = BTreeSet::new();
        let attributes: Vec<ClassAttribute> = [&remote.uid_attribute, remote.naming_attribute()]
            .into_iter()
            .map(|name| (name.clone(), false))
            .chain(wanted)
            .filter(|(name, _)| Some(name) != shown && seen.insert(name.clone()))
            .filter_map(|(name, multi_valued)| {
                let source = source(class, remote, &name)?;
                let is_list = multi_valued || source.each.is_some();
                Some(ClassAttribute { name, source, is_list })
            })
            .collect();
        let naming = attributes.iter().find(|known| known.name == *remote.naming_attribute()).cloned();
        let Some(naming) = naming else { return Err(problems) };
        let names = attributes.iter().map(|known| known.name.clone()).chain(shown.cloned()).collect();
        Ok(Self {
            name: remote.remote_name.clone(),
            class: Arc::clone(class),
            names: Names::new(names),
            uid: remote.uid_attribute.clone(),
            naming,
            membership: remote.membership.as_ref().and_then(|known| membership(known, class, description)),
            attributes,
        })
    }

    /// Whether it is the attribute that shows memberships.
    pub(crate) fn is_membership(&self, name: &AttributeName) -> bool {
        self.membership.as_ref().is_some_and(|membership| membership.attribute == *name)
    }

    /// An attribute by its name, read or not.
    pub(crate) fn attribute(&self, name: &AttributeName) -> Option<ClassAttribute> {
        let read = self.attributes.iter().find(|known| known.name == *name).cloned();
        read.or_else(|| {
            let source = self.class.attributes.get(name.as_str())?.clone();
            Some(ClassAttribute { name: name.clone(), is_list: source.each.is_some(), source })
        })
    }
}

/// Where an attribute stands; the key needs no description of its own.
fn source(class: &Class, remote: &RemoteClass, name: &AttributeName) -> Option<Source> {
    let described = class.attributes.get(name.as_str()).cloned();
    let is_key = *name == remote.uid_attribute;
    described.or_else(|| is_key.then(|| Source { pointer: class.key.clone(), each: None, is_writable: true }))
}

fn membership(known: &RemoteMembership, class: &Class, description: &Description) -> Option<Membership> {
    let entitlements = description.classes.get(&known.remote_name)?;
    let own = class.attributes.get(known.attribute.as_str()).cloned();
    let members = entitlements.attributes.get(known.member_attribute.as_str()).cloned();
    Some(Membership {
        attribute: known.attribute.clone(),
        members: members.or_else(|| own.clone())?,
        class: Arc::clone(entitlements),
        own,
    })
}

/// What is wrong with a class; all problems at once.
pub(crate) fn check(remote: &RemoteClass, description: &Description) -> Vec<ClassProblem> {
    let mut problems = Vec::new();
    let mut problem = |part, message: String| problems.push(ClassProblem { part, message });
    let Some(class) = description.classes.get(&remote.remote_name) else {
        let known: Vec<_> = description.classes.keys().map(|name| format!("`{name}`")).collect();
        let message =
            format!("the description has no class `{}`; it has {}", remote.remote_name, known.join(", "));
        problem(ClassPart::RemoteName, message);
        return problems;
    };
    let described = class.attributes.get(remote.uid_attribute.as_str());
    if described.is_some_and(|source| source.pointer != class.key) {
        let message = format!("the key of the class stands at `{}`, and this attribute elsewhere", class.key);
        problem(ClassPart::UidAttribute, message);
    }
    let list: Vec<_> = class.attributes.keys().map(|name| format!("`{name}`")).collect();
    let there = format!("the description has {}", list.join(", "));
    if let Some(name) = &remote.name_attribute {
        match class.attributes.get(name.as_str()) {
            None => problem(ClassPart::NameAttribute, format!("there is no attribute `{name}`; {there}")),
            Some(source) if source.each.is_some() => {
                problem(ClassPart::NameAttribute, format!("`{name}` holds a list; a name is one value"));
            }
            Some(_) => {}
        }
    }
    let shown = remote.membership.as_ref().map(|membership| &membership.attribute);
    for attribute in &remote.attributes {
        let is_known = class.attributes.contains_key(attribute.name.as_str())
            || attribute.name == remote.uid_attribute
            || Some(&attribute.name) == shown;
        if !is_known {
            problem(ClassPart::RemoteName, format!("there is no attribute `{}`; {there}", attribute.name));
        }
    }
    if let Some(membership) = &remote.membership {
        check_membership(membership, class, description, &mut problem);
    }
    problems
}

fn check_membership(
    membership: &RemoteMembership,
    class: &Class,
    description: &Description,
    problem: &mut impl FnMut(ClassPart, String),
) {
    let mut told = |message: String| problem(ClassPart::Membership, message);
    if class.is_writable() && class.add_member.is_none() {
        told("the class needs `addMember` and `removeMember` in the description".to_owned());
    }
    let Some(entitlements) = description.classes.get(&membership.remote_name) else {
        return told(format!("the description has no class `{}`", membership.remote_name));
    };
    let own = class.attributes.get(membership.attribute.as_str());
    if own.is_none() && !entitlements.attributes.contains_key(membership.member_attribute.as_str()) {
        told(format!(
            "nobody says who is a member: neither has the class `{}` an attribute `{}`, nor the class of accounts one \
             called `{}`",
            membership.remote_name, membership.member_attribute, membership.attribute
        ));
    }
    let uid = entitlements.attributes.get(membership.uid_attribute.as_str());
    if uid.is_some_and(|source| source.pointer != entitlements.key) {
        told(format!("the key of `{}` stands at `{}`", membership.remote_name, entitlements.key));
    }
}
