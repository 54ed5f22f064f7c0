//! Where accounts stand, by their keys. Nothing is written to an entry whose key was not proven: it was found by its key
//! just now, or the server is told to check the key together with the write (RFC 4528).

use std::collections::HashMap;
use std::sync::Arc;

use muster_connector::ConnectorError;

use crate::ber::Writer;
use crate::dn::{Dn, Rdn, normal_value};
use crate::filter::Filter;
use crate::layout::{DN, Layout, MemberBy, is_given};
use crate::message::{Control, Request, Search};
use crate::system::{System, control};

/// So many keys or names are asked for at once.
pub(crate) const AT_ONCE: usize = 100;

/// An entry whose key is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) dn: Dn,
    /// What groups hold of it, where that is not its name.
    pub(crate) uid: Option<String>,
}

/// What is known of where an account stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was found by its key.
    At(Located),
    /// It should be there; the server has to check the key.
    Candidate(Dn),
    /// There is none.
    Nowhere,
    /// Several have the key.
    Several,
}

/// A class of accounts at a server.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) system: Arc<System>,
    pub(crate) layout: Arc<Layout>,
}

impl Target {
    fn is_checked(&self) -> bool {
        self.system.offered.has(control::ASSERTION)
    }

    /// The same request, carried out only if the entry has this key, where the server can check that.
    pub(crate) fn proven(&self, request: Request, uid: &str) -> Request {
        if !self.is_checked() {
            return request;
        }
        let mut value = Writer::default();
        self.layout.key_filter(uid).write(&mut value);
        request.with(Control { oid: control::ASSERTION, critical: true, value: Some(value.into_octets()) })
    }

    /// Where the account should stand, going by its name, if that is worth a try.
    pub(crate) fn candidate(&self, uid: &str, name: Option<&str>) -> Option<Dn> {
        let is_worth_it = self.is_checked() && self.layout.class.membership.is_none();
        is_worth_it.then(|| self.place_of(uid, name)).flatten()
    }

    /// Where an account of this name stands, if it stands where accounts are made.
    pub(crate) fn place_of(&self, uid: &str, name: Option<&str>) -> Option<Dn> {
        let Layout { class, settings, key, .. } = &*self.layout;
        let below = |value: &str| settings.container.child(Rdn::new(&settings.rdn_attribute, value));
        match (&class.name_attribute, name) {
            (Some(attribute), Some(name)) if attribute.as_str().eq_ignore_ascii_case(DN) => {
                Dn::parse(name).ok()
            }
            (Some(attribute), Some(name))
                if attribute.as_str().eq_ignore_ascii_case(&settings.rdn_attribute) =>
            {
                Some(below(name))
            }
            (None, _) if key.eq_ignore_ascii_case(&settings.rdn_attribute) => Some(below(uid)),
            _ => None,
        }
    }

    /// Finds accounts by their keys, all at once. Keys that are not met have no account.
    pub(crate) async fn locate(&self, uids: &[&str]) -> Result<HashMap<String, Standing>, ConnectorError> {
        let spelt: HashMap<String, &str> = uids.iter().map(|uid| (self.comparable(uid), *uid)).collect();
        let mut found: HashMap<String, Standing> =
            uids.iter().map(|uid| ((*uid).to_owned(), Standing::Nowhere)).collect();
        let mut attributes = vec![self.layout.key.clone()];
        if self.layout.member_by == MemberBy::Uid {
            attributes.push("uid".to_owned());
        }
        for uids in uids.chunks(AT_ONCE) {
            let keys = Filter::Or(uids.iter().map(|uid| self.layout.key_filter(uid)).collect());
            // The keys first: where none is met the server looks no further.
            let filter = Filter::And(vec![keys, self.layout.filter.clone()]);
            let (base, scope, time_limit) = (&self.layout.base, self.layout.scope(), self.system.seconds());
            let search = Search { base, scope, filter: &filter, attributes: &attributes, time_limit };
            let gathered = self.system.find(&search).await?;
            for message in &gathered.entries {
                let entry = self.system.raw(message);
                let entry = entry.map_err(|error| self.system.garbled("find accounts", error))?;
                let Ok(key) = self.layout.key_of(&entry) else { continue };
                let Some(standing) = spelt.get(&self.comparable(&key)).and_then(|uid| found.get_mut(*uid))
                else {
                    continue;
                };
                let Ok(dn) = Dn::parse(&entry.dn_text()) else { continue };
                let uid = entry.texts("uid").into_iter().next();
                *standing = match standing {
                    Standing::Nowhere => Standing::At(Located { dn, uid }),
                    Standing::At(_) | Standing::Candidate(_) | Standing::Several => Standing::Several,
                };
            }
        }
        Ok(found)
    }

    /// The same for one.
    pub(crate) async fn locate_one(&self, uid: &str) -> Result<Standing, ConnectorError> {
        Ok(self.locate(&[uid]).await?.remove(uid).unwrap_or(Standing::Nowhere))
    }

    /// A key as the server compares it.
    fn comparable(&self, uid: &str) -> String {
        match is_given(&self.layout.key) || self.system.offered.schema.ignores_case(&self.layout.key) {
            true => normal_value(uid),
            false => uid.to_owned(),
        }
    }

    /// What groups hold of an account.
    pub(crate) fn member(&self, located: &Located) -> Option<String> {
        match self.layout.member_by {
            MemberBy::Dn => Some(located.dn.to_string()),
            MemberBy::Uid => located.uid.clone(),
        }
    }

    /// A write that is refused for what it is.
    pub(crate) fn rejected(&self, problem: impl std::fmt::Display) -> ConnectorError {
        let message = format!("{} at {}: {problem}", self.layout.class.remote_name, self.system.address());
        ConnectorError::Rejected { message }
    }

    pub(crate) fn nobody(&self, uid: &str) -> ConnectorError {
        let (class, key) = (&self.layout.class.remote_name, &self.layout.key);
        let message = format!("{} has no {class} whose `{key}` is `{uid}`", self.system.address());
        ConnectorError::Missing { message }
    }

    pub(crate) fn several(&self, uid: &str) -> ConnectorError {
        self.rejected(format_args!(
            "several entries have `{uid}` for `{}`: a key has to be one entry's",
            self.layout.key
        ))
    }
}
