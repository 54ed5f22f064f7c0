//! What a page of a sweep has to do with disputes: packed into one blob of its row, so that it costs no statement.

use muster_model::ObjectId;
use muster_model::configuration::application::Situation;
use muster_model::text::{hex, read_hex};
use muster_plan::dispute::Dispute;
use muster_plan::key::KeyHash;
use roaring::RoaringBitmap;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::TenantStore;
use crate::codec;
use crate::error::StoreError;
use crate::row::{case, get, number, unsigned};
use crate::run::RunRecord;

/// An account that somebody is to decide about.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundDispute {
    /// The key of the account.
    pub key: KeyHash,
    /// Its key in the remote system.
    pub uid: String,
    /// Why.
    pub dispute: Dispute,
}

/// What a page has to do with disputes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PageDisputes {
    /// The numbers of those whose accounts it met, still in dispute.
    pub met: RoaringBitmap,
    /// The numbers of those whose accounts are no longer in dispute, should all go as planned.
    pub settled: RoaringBitmap,
    /// Those that are new or have changed.
    pub found: Vec<FoundDispute>,
}

impl PageDisputes {
    /// Adds those of another page, but for what it found.
    pub fn add(&mut self, other: &Self) {
        self.met |= &other.met;
        self.settled |= &other.settled;
    }

    /// Nothing where there is nothing.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        if *self == Self::default() {
            return None;
        }
        let mut out = Vec::new();
        for set in [&self.met, &self.settled] {
            out.extend_from_slice(&u32::try_from(set.serialized_size()).unwrap_or(u32::MAX).to_le_bytes());
            // Writing to memory does not fail.
            let _ = set.serialize_into(&mut out);
        }
        let found: Vec<Json> = self.found.iter().map(to_json).collect();
        out.extend_from_slice(Json::from(found).to_string().as_bytes());
        Some(out)
    }

    pub(crate) fn decode(mut octets: &[u8]) -> Result<Self, StoreError> {
        let unreadable = |detail: &str| StoreError::unreadable("page of disputes", detail);
        let mut disputes = Self::default();
        for set in [&mut disputes.met, &mut disputes.settled] {
            let (length, rest) = octets.split_first_chunk::<4>().ok_or_else(|| unreadable("cut short"))?;
            let length = u32::from_le_bytes(*length) as usize;
            let packed = rest.get(..length).ok_or_else(|| unreadable("cut short"))?;
            *set = RoaringBitmap::deserialize_from(packed).map_err(|error| unreadable(&error.to_string()))?;
            octets = &rest[length..];
        }
        let found: Vec<Json> =
            serde_json::from_slice(octets).map_err(|error| unreadable(&error.to_string()))?;
        disputes.found = found.iter().map(of_json).collect::<Result<_, _>>()?;
        Ok(disputes)
    }
}

fn to_json(found: &FoundDispute) -> Json {
    let FoundDispute { key, uid, dispute } = found;
    json!([
        hex(&key.0),
        uid,
        dispute.situation as i64,
        encode_ids(&dispute.candidates),
        dispute.rule,
        codec::encode(&dispute.compared),
        dispute.message
    ])
}

fn of_json(json: &Json) -> Result<FoundDispute, StoreError> {
    let unreadable = || StoreError::unreadable("dispute", "a part of it is of another type");
    let text = |place: usize| json[place].as_str().ok_or_else(unreadable);
    let rule = json[4].as_u64().map(|rule| u32::try_from(rule).map_err(|_| unreadable()));
    Ok(FoundDispute {
        key: KeyHash(read_hex(text(0)?).ok_or_else(unreadable)?),
        uid: text(1)?.to_owned(),
        dispute: Dispute {
            situation: case(&Situation::ALL, json[2].as_i64().ok_or_else(unreadable)?, "situation")?,
            candidates: decode_ids(text(3)?)?,
            rule: rule.transpose()?,
            compared: codec::decode(text(5)?)?,
            message: text(6)?.to_owned(),
        },
    })
}

/// Ids, separated by blanks.
pub(super) fn encode_ids(ids: &[ObjectId]) -> String {
    ids.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(" ")
}

/// Reads what [`encode_ids`] wrote.
pub(super) fn decode_ids(text: &str) -> Result<Vec<ObjectId>, StoreError> {
    let id = |word| Uuid::parse_str(word).map(ObjectId);
    text.split_whitespace()
        .map(id)
        .collect::<Result<_, _>>()
        .map_err(|error| StoreError::unreadable("id", error))
}

impl TenantStore {
    /// What the pages of a bucket after this one have to do with disputes, at most so many pages; those that have
    /// nothing to do with any are left out.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn page_disputes(
        &self,
        run: &RunRecord,
        bucket: u32,
        after: u32,
        limit: u32,
    ) -> Result<Vec<(u32, PageDisputes)>, StoreError> {
        let sql = "SELECT page, disputes FROM met WHERE tenant = ? AND run = ? AND bucket = ? AND page > ? \
            AND disputes IS NOT NULL ORDER BY page LIMIT ?";
        let values = vec![
            self.tenant.into(),
            run.seq.into(),
            i64::from(bucket).into(),
            i64::from(after).into(),
            i64::from(limit).into(),
        ];
        let rows = self.database.query(sql, values).await?;
        let page = |row: &sea_orm::QueryResult| {
            let disputes = PageDisputes::decode(&get::<Vec<u8>>(row, 1)?)?;
            Ok((unsigned(number(row, 0)?, "page")?, disputes))
        };
        rows.iter().map(page).collect()
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{Attributes, Field};

    use super::*;

    #[test]
    fn pages_of_disputes_are_read_back() {
        assert_eq!(PageDisputes::default().encode(), None);
        let dispute = |rule| Dispute {
            situation: Situation::Disputed,
            candidates: vec![ObjectId(Uuid::from_u128(1)), ObjectId(Uuid::from_u128(2))],
            rule,
            compared: Attributes::from_iter([("mail", Field::text("ann@x"))]),
            message: "several objects \"fit\"".to_owned(),
        };
        let found =
            |rule| FoundDispute { key: KeyHash([7; 16]), uid: "Ä 1".to_owned(), dispute: dispute(rule) };
        let page = PageDisputes {
            met: RoaringBitmap::from_iter([1, 70_000]),
            settled: RoaringBitmap::from_iter([2]),
            found: vec![found(Some(2)), found(None)],
        };
        let packed = page.encode().unwrap();
        assert_eq!(PageDisputes::decode(&packed).unwrap(), page);
        assert!(PageDisputes::decode(&packed[..packed.len() - 1]).is_err());
    }
}
