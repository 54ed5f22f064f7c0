//! A class of the contract as it stands in a service: where its resources are, and each attribute with its path.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_connector::{ClassPart, ClassProblem, RemoteClass, RemoteMembership};
use muster_model::{AttributeName, Names};

use crate::path::{ScimPath, VALUE};
use crate::schema::{Offered, ResourceType};

/// The type of an attribute's values, as far as it matters for writing them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Boolean,
    Number,
    /// Not known.
    Other,
}

/// One attribute of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassAttribute {
    pub(crate) name: AttributeName,
    pub(crate) path: ScimPath,
    /// Whether the configuration wants several values.
    pub(crate) is_multi_valued: bool,
    /// Whether the service holds a list there.
    pub(crate) is_list: bool,
    pub(crate) kind: Kind,
}

/// Groups that hold who is a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The attribute that accounts seem to have.
    pub(crate) attribute: AttributeName,
    /// Where the groups are, as `/Groups`.
    pub(crate) endpoint: String,
    /// The attribute of a group that lists its members.
    pub(crate) members: ScimPath,
}

/// A class as it stands in a service.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The name of the resource type.
    pub(crate) name: String,
    /// Where its resources are, as `/Users`.
    pub(crate) endpoint: String,
    /// The URN of its core schema.
    pub(crate) schema: String,
    /// In the order of the names.
    pub(crate) attributes: Vec<ClassAttribute>,
    pub(crate) names: Arc<Names>,
    /// Where a resource says whether it is enabled.
    pub(crate) enabled: Option<ScimPath>,
    /// The attribute by which a resource is made and found.
    pub(crate) naming: ClassAttribute,
    /// Whether the service itself lets no two resources have one name.
    pub(crate) is_name_unique: bool,
    pub(crate) membership: Option<Membership>,
}

/// Attributes that hold objects with a `value`, where no schema says so.
const LISTS: [&str; 9] = [
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "entitlements",
    "roles",
    "x509Certificates",
    "groups",
    "members",
];

impl Layout {
    /// The class in a service that has these resource types. `enabled` is the path of what says who is enabled.
    pub(crate) fn of(
        class: &RemoteClass,
        types: &[ResourceType],
        enabled: Option<&ScimPath>,
    ) -> Result<Self, Vec<ClassProblem>> {
        let problems = check(class);
        if !problems.is_empty() {
            return Err(problems);
        }
        let Some(found) = types.iter().find(|known| known.name.eq_ignore_ascii_case(&class.remote_name))
        else {
            let known: Vec<_> = types.iter().map(|known| format!("`{}`", known.name)).collect();
            return Err(vec![ClassProblem {
                part: ClassPart::RemoteName,
                message: format!(
                    "there is no resource type `{}`; the service has {}",
                    class.remote_name,
                    known.join(", ")
                ),
            }]);
        };
        let virtual_one = class.membership.as_ref().map(|membership| &membership.attribute);
        let wanted: Vec<(AttributeName, bool)> = match class.attributes.is_empty() {
            false => class.attributes.iter().map(|known| (known.name.clone(), known.multi_valued)).collect(),
            true => found
                .offered()
                .map(|known| (known.attribute.name.clone(), known.attribute.multi_valued))
                .collect(),
        };
        let mut seen = BTreeSet::new();
        let attributes: Vec<ClassAttribute> = [&class.uid_attribute, class.naming_attribute()]
            .into_iter()
            .map(|name| (name.clone(), false))
            .chain(wanted)
            .filter(|(name, _)| Some(name) != virtual_one && seen.insert(name.clone()))
            .filter_map(|(name, is_multi_valued)| attribute(found, name, is_multi_valued))
            .collect();
        let naming = attributes.iter().find(|known| known.name == *class.naming_attribute()).cloned();
        let naming = naming.unwrap_or_else(|| plain(class.naming_attribute()));
        let is_name_unique = match found.find(&naming.path) {
            Some(offered) => offered.is_unique,
            // What every service has to hold (RFC 7643 §4.1.1).
            None => naming.path == ScimPath::simple("userName"),
        };
        let has_enabled = |path: &&ScimPath| match found.attributes.is_empty() {
            true => found.name.eq_ignore_ascii_case("User"),
            false => found.find(path).is_some(),
        };
        let names = attributes.iter().map(|known| known.name.clone()).chain(virtual_one.cloned()).collect();
        Ok(Self {
            name: found.name.clone(),
            endpoint: found.endpoint.clone(),
            schema: found.schema.clone(),
            names: Names::new(names),
            enabled: enabled.filter(has_enabled).cloned(),
            naming,
            is_name_unique,
            membership: class.membership.as_ref().map(|membership| membership_of(membership, types)),
            attributes,
        })
    }

    /// The attribute of a name.
    pub(crate) fn attribute(&self, name: &AttributeName) -> Option<&ClassAttribute> {
        self.attributes.iter().find(|known| known.name == *name)
    }

    /// Whether it is the attribute that shows memberships.
    pub(crate) fn is_membership(&self, name: &AttributeName) -> bool {
        self.membership.as_ref().is_some_and(|membership| membership.attribute == *name)
    }

    /// What is asked for when resources are read, as the parameter `attributes` has it.
    pub(crate) fn asked(&self, besides: &[&str]) -> String {
        let own = self.attributes.iter().map(|known| known.path.asked().to_string());
        let enabled = self.enabled.iter().map(|path| path.asked().to_string());
        let all: BTreeSet<String> =
            own.chain(enabled).chain(besides.iter().map(|&name| name.to_owned())).collect();
        all.into_iter().collect::<Vec<_>>().join(",")
    }
}

fn plain(name: &AttributeName) -> ClassAttribute {
    let path = ScimPath::simple(name.as_str());
    ClassAttribute { name: name.clone(), path, is_multi_valued: false, is_list: false, kind: Kind::Text }
}

/// `None` where the name is no path, which the checks have told.
fn attribute(found: &ResourceType, name: AttributeName, is_multi_valued: bool) -> Option<ClassAttribute> {
    let mut path: ScimPath = name.as_str().parse().ok()?;
    if path.schema.as_deref().is_some_and(|urn| urn.eq_ignore_ascii_case(&found.schema)) {
        path.schema = None;
    }
    let is_known_list =
        path.schema.is_none() && LISTS.iter().any(|list| list.eq_ignore_ascii_case(&path.attribute));
    let holder: Option<&Offered> = found.holder(&path);
    let is_complex = holder.map_or(is_known_list, |holder| holder.is_complex);
    if is_complex && path.sub.is_none() {
        path.sub = Some(VALUE.to_owned());
    }
    let is_list = is_multi_valued || holder.map_or(is_known_list, |holder| holder.attribute.multi_valued);
    let kind = found.find(&path).map_or(Kind::Other, |known| known.kind);
    Some(ClassAttribute { name, path, is_multi_valued, is_list, kind })
}

fn membership_of(membership: &RemoteMembership, types: &[ResourceType]) -> Membership {
    let found = types.iter().find(|known| known.name.eq_ignore_ascii_case(&membership.remote_name));
    let endpoint =
        found.map_or_else(|| format!("/{}s", membership.remote_name), |found| found.endpoint.clone());
    let members =
        membership.member_attribute.as_str().parse().unwrap_or_else(|_| ScimPath::simple("members"));
    Membership { attribute: membership.attribute.clone(), endpoint, members: members.whole() }
}

/// What can be known to be wrong with a class without asking the service; all problems at once.
pub(crate) fn check(class: &RemoteClass) -> Vec<ClassProblem> {
    let mut problems = Vec::new();
    let mut problem = |part, message: String| problems.push(ClassProblem { part, message });
    let is_type_name = |name: &str| {
        !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
    };
    if !is_type_name(&class.remote_name) {
        let message =
            "it is no name of a resource type, as `User` or `Group`; `…/~schema` lists those of the service";
        problem(ClassPart::RemoteName, message.to_owned());
    }
    if class.uid_attribute.as_str() != "id" {
        let message = "a service knows its resources by `id`, which it gives itself; let `id` be the key";
        problem(ClassPart::UidAttribute, message.to_owned());
    }
    match class.name_attribute.as_ref().map(|name| name.as_str().parse::<ScimPath>()) {
        Some(Err(error)) => problem(ClassPart::NameAttribute, error.to_string()),
        Some(Ok(path)) if !path.selection.is_empty() || path.is_id() => problem(
            ClassPart::NameAttribute,
            "a resource is made and found by a simple attribute other than `id`, as `userName`, `externalId`, `displayName`".to_owned(),
        ),
        Some(Ok(_)) | None => {}
    }
    for attribute in &class.attributes {
        let is_membership = class.membership.as_ref().is_some_and(|known| known.attribute == attribute.name);
        if let (false, Err(error)) = (is_membership, attribute.name.as_str().parse::<ScimPath>()) {
            problem(ClassPart::RemoteName, error.to_string());
        }
    }
    if let Some(membership) = &class.membership {
        let members = membership.member_attribute.as_str().parse::<ScimPath>();
        if membership.uid_attribute.as_str() != "id" || !is_type_name(&membership.remote_name) {
            let message = "the key of an entitlement is its `id`, and its class a resource type, as `Group`";
            problem(ClassPart::Membership, message.to_owned());
        }
        if let Err(error) = members {
            problem(ClassPart::Membership, error.to_string());
        }
    }
    problems
}
