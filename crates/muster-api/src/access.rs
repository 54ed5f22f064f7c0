//! Who calls: a tenant's user (Basic) or a token (Bearer), and with which rights.
//!
//! Invariant: a caller whose credentials are not of the tenant in the path gets one and the same answer after
//! the same work, whether there is such a tenant or not, and whether the user or the password is unknown.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use muster_model::audit::{Actor, ActorKind};
use muster_model::{TenantSettings, TenantSlug};
use muster_store::{Acting, TenantStore};
use tokio::sync::Semaphore;

use crate::error::ApiError;
use crate::origin::origin;
use crate::principal::{hash_password, hash_token, new_password, verify_password};
use crate::rights::{Permission, Roles};
use crate::state::ApiState;
use crate::throttle::{FailedLogins, Throttle, Whose};

/// How long a verified password is remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(5 * 60);
/// Users remembered at a time; beyond, all are forgotten and verified anew.
const REMEMBERED_AT_ONCE: usize = 10_000;
/// Verifications at a time: each takes 19 MiB and a processor.
const VERIFIED_AT_ONCE: usize = 2;
/// How exactly it is known when a token was last used: a request that comes sooner writes nothing.
const USE_NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);
/// How long a request waits for its verification to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Who that is, in the audit log and in the history of configuration.
    pub(crate) actor: Actor,
    /// What the caller may do.
    pub(crate) roles: Roles,
}

impl Caller {
    /// Refuses a caller who lacks the right.
    pub(crate) fn needs(&self, permission: Permission) -> Result<(), ApiError> {
        if self.roles.grant(permission) { Ok(()) } else { Err(ApiError::Forbidden(permission)) }
    }
}

/// Recognises callers, and remembers for a while whom it has recognised.
pub(crate) struct Doorkeeper {
    /// Known to this process alone: what is remembered is worthless elsewhere.
    key: [u8; 32],
    remembered: Mutex<HashMap<(TenantSlug, String), Remembered>>,
    verifications: Arc<Semaphore>,
    throttle: Arc<Throttle>,
    /// The hash of a password that nobody has, verified where there is no user.
    nobody: String,
}

/// A user whose password has been verified.
struct Remembered {
    credentials: blake3::Hash,
    /// The stored hash that was verified against: a user who changes is forgotten.
    password_hash: String,
    until: Instant,
}

/// Somebody who wants in with a password.
struct Login<'a> {
    /// The tenant of the path, as it stands there.
    tenant: &'a str,
    name: String,
    password: String,
    origin: IpAddr,
}

/// What a request shows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Credentials {
    Basic { name: String, password: String },
    Bearer(String),
}

/// The tenant of the path and the caller, if the caller is of that tenant and has the right.
pub(crate) async fn admit(
    state: &ApiState,
    request: &HttpRequest,
    permission: Permission,
) -> Result<(TenantStore, Caller), ApiError> {
    let credentials = read_credentials(request).ok_or(ApiError::NoCredentials)?;
    let tenant = request.match_info().query("tenant");
    let store = find_tenant(state, tenant).await?;
    let caller = match credentials {
        Credentials::Basic { name, password } => {
            let origin = origin(request, &state.settings().trusted_proxies);
            let login = Login { tenant, name, password, origin };
            state.doorkeeper().recognise(store.as_ref(), login).await?
        }
        Credentials::Bearer(text) => {
            find_token(store.as_ref(), &text, state.engine().surroundings().now()).await?
        }
    };
    let (Some(store), Some(caller)) = (store, caller) else { return Err(ApiError::Stranger) };
    // Whoever is not of the tenant cannot use up what it may ask for.
    if let Some(wait) = state.pace().wait(store.slug()) {
        return Err(ApiError::TooMany { what: "the tenant asks for too much at once", wait });
    }
    caller.needs(permission)?;
    Ok((on_behalf_of(&caller, &store, state, request), caller))
}

/// The door through which whatever is done is the caller's doing. The address is the one that logins are counted by:
/// that of the connection, unless a proxy of ours asks for another.
fn on_behalf_of(
    caller: &Caller,
    store: &TenantStore,
    state: &ApiState,
    request: &HttpRequest,
) -> TenantStore {
    let origin = origin(request, &state.settings().trusted_proxies).to_string();
    let at = Some(state.engine().surroundings().now());
    store.acting(Acting { actor: caller.actor.clone(), origin, at })
}

async fn find_tenant(state: &ApiState, slug: &str) -> Result<Option<TenantStore>, ApiError> {
    let store = match TenantSlug::new(slug) {
        Ok(slug) => state.store().tenant(&slug).await?,
        Err(_) => None,
    };
    if store.is_none() {
        // As many questions to the store as for a tenant that exists.
        state.store().ping().await?;
    }
    Ok(store)
}

async fn find_token(
    store: Option<&TenantStore>,
    text: &str,
    now: DateTime<Utc>,
) -> Result<Option<Caller>, ApiError> {
    let hash = hash_token(text);
    let Some(store) = store else { return Ok(None) };
    let found = store.token_by_hash(&hash).await?;
    let Some(token) = found.filter(|token| token.expires_at.is_none_or(|end| now < end)) else {
        return Ok(None);
    };
    let noted_after = now - USE_NOTED_EVERY;
    if token.last_used_at.is_none_or(|last| last <= noted_after)
        && let Err(error) = store.note_token_use(&token.name, now, noted_after).await
    {
        tracing::warn!(token = token.name, %error, "cannot note the use of a token");
    }
    Ok(Some(Caller { actor: Actor::new(ActorKind::Token, token.name), roles: read_roles(&token.roles) }))
}

/// A role that this program does not know gives no right.
fn read_roles(text: &str) -> Roles {
    text.split(',').filter_map(|word| word.trim().parse().ok()).collect()
}

impl Doorkeeper {
    pub(crate) fn new(failed_logins: FailedLogins) -> Self {
        Self {
            key: rand::random(),
            remembered: Mutex::default(),
            verifications: Arc::new(Semaphore::new(VERIFIED_AT_ONCE)),
            throttle: Arc::new(Throttle::new(failed_logins)),
            nobody: hash_password(&new_password(), &TenantSettings::default()).unwrap_or_default(),
        }
    }

    async fn recognise(
        &self,
        store: Option<&TenantStore>,
        login: Login<'_>,
    ) -> Result<Option<Caller>, ApiError> {
        let Login { tenant, name, password, origin } = login;
        let user = match store {
            Some(store) => store.principal(&name).await?.map(|user| (store.slug().clone(), user)),
            None => None,
        };
        let as_user = Whose::User(self.seal(&[tenant, &name]));
        let whose = [as_user, Whose::address(origin)];
        let Some((slug, user)) = user else {
            self.verify(whose, password, self.nobody.clone()).await?;
            return Ok(None);
        };
        let credentials = self.seal(&[slug.as_str(), &name, &password]);
        // Whom somebody else keeps out by guessing gets in as long as they are remembered.
        let known = self.remembers(&slug, &name, credentials, &user.password_hash);
        if !known {
            if !self.verify(whose, password, user.password_hash.clone()).await? {
                return Ok(None);
            }
            self.throttle.forget(as_user);
            self.remember(slug, name.clone(), credentials, user.password_hash);
        }
        Ok(Some(Caller { actor: Actor::new(ActorKind::User, name), roles: read_roles(&user.roles) }))
    }

    /// Verifies a password, unless whoever shows it has to wait, and notes a failure. What has begun goes to its end
    /// and counts, whether or not somebody still waits for it: hanging up makes no guess cheaper.
    async fn verify(&self, whose: [Whose; 2], password: String, hash: String) -> Result<bool, ApiError> {
        self.refuse_hurried(&whose)?;
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.verifications).acquire_owned()).await;
        let permit = permit.map_err(|_| ApiError::Busy)?.map_err(ApiError::internal)?;
        // Others of the same name or address may have failed since.
        self.refuse_hurried(&whose)?;
        let throttle = Arc::clone(&self.throttle);
        let verified = tokio::task::spawn_blocking(move || {
            let fits = verify_password(&password, &hash);
            if !fits {
                throttle.note(&whose, Instant::now());
            }
            drop(permit);
            fits
        });
        Ok(verified.await?)
    }

    fn refuse_hurried(&self, whose: &[Whose]) -> Result<(), ApiError> {
        match self.throttle.wait(whose, Instant::now()) {
            Some(wait) => Err(ApiError::TooMany { what: "too many logins have failed", wait }),
            None => Ok(()),
        }
    }

    /// Credentials as they are remembered: a hash under the key of this process.
    fn seal(&self, parts: &[&str]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize()
    }

    fn remembers(
        &self,
        slug: &TenantSlug,
        name: &str,
        credentials: blake3::Hash,
        password_hash: &str,
    ) -> bool {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        // Two hashes are compared in constant time.
        remembered.get(&(slug.clone(), name.to_owned())).is_some_and(|known| {
            known.credentials == credentials
                && known.password_hash == password_hash
                && known.until > Instant::now()
        })
    }

    fn remember(&self, slug: TenantSlug, name: String, credentials: blake3::Hash, password_hash: String) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_AT_ONCE {
            remembered.clear();
        }
        let until = Instant::now() + REMEMBERED_FOR;
        remembered.insert((slug, name), Remembered { credentials, password_hash, until });
    }
}

fn read_credentials(request: &HttpRequest) -> Option<Credentials> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (header, None) = (headers.next()?, headers.next()) else { return None };
    parse_credentials(header.to_str().ok()?)
}

fn parse_credentials(header: &str) -> Option<Credentials> {
    let (scheme, rest) = header.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (name, password) = text.split_once(':')?;
        // RFC 7617 §2: there are none in a user's name, and not every database takes them.
        if name.contains(char::is_control) {
            return None;
        }
        Some(Credentials::Basic { name: name.to_owned(), password: password.to_owned() })
    } else if scheme.eq_ignore_ascii_case("bearer") && !rest.is_empty() {
        Some(Credentials::Bearer(rest.to_owned()))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_or_refused() {
        let basic = |name: &str, password: &str| {
            Some(Credentials::Basic { name: name.to_owned(), password: password.to_owned() })
        };
        for (header, expected) in [
            ("Basic YW5uOnM6M2NyZXQ=", basic("ann", "s:3cret")),
            ("basic  YW5uOg==", basic("ann", "")),
            ("Basic YW5u", None),
            ("Basic YQA6Yg==", None),
            ("Basic YQ0KOmI=", None),
            ("Basic !", None),
            ("Basic", None),
            ("Bearer abc", Some(Credentials::Bearer("abc".to_owned()))),
            ("Bearer ", None),
            ("Digest abc", None),
        ] {
            assert_eq!(parse_credentials(header), expected, "{header}");
        }
    }

    #[test]
    fn who_hangs_up_has_failed_all_the_same_and_holds_the_place_until_then() {
        let wait = Duration::from_secs(100);
        let settings =
            FailedLogins { free_of_user: 0, free_of_address: 0, first_wait: wait, longest_wait: wait };
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.max_blocking_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let doorkeeper = Doorkeeper::new(settings);
            // The only thread that could verify is busy, until the caller is gone.
            let (let_go, held) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || held.recv());
            let whose = [
                Whose::User(doorkeeper.seal(&["acme", "ann"])),
                Whose::address("192.0.2.1".parse().unwrap()),
            ];
            let verification = doorkeeper.verify(whose, "wrong".to_owned(), doorkeeper.nobody.clone());
            assert!(tokio::time::timeout(Duration::ZERO, verification).await.is_err());
            assert_eq!(doorkeeper.verifications.available_permits(), VERIFIED_AT_ONCE - 1);
            let_go.send(()).unwrap();
            busy.await.unwrap().unwrap();
            let all = u32::try_from(VERIFIED_AT_ONCE).unwrap();
            let _all = doorkeeper.verifications.acquire_many(all).await.unwrap();
            assert!(doorkeeper.throttle.wait(&whose, Instant::now()).is_some(), "the failure is noted");
        });
    }

    #[test]
    fn a_user_is_remembered_until_something_changes() {
        let doorkeeper = Doorkeeper::new(FailedLogins::default());
        let acme = TenantSlug::new("acme").unwrap();
        let sealed = doorkeeper.seal(&["acme", "ann", "secret"]);
        assert!(!doorkeeper.remembers(&acme, "ann", sealed, "hash"));
        doorkeeper.remember(acme.clone(), "ann".to_owned(), sealed, "hash".to_owned());
        assert!(doorkeeper.remembers(&acme, "ann", sealed, "hash"));
        assert!(!doorkeeper.remembers(&acme, "ann", sealed, "another hash"));
        assert!(!doorkeeper.remembers(&acme, "bob", sealed, "hash"));
        for (slug, name, password) in
            [("acme", "ann", "secreT"), ("acme", "anns", "ecret"), ("beta", "ann", "secret")]
        {
            let other = doorkeeper.seal(&[slug, name, password]);
            assert!(!doorkeeper.remembers(&acme, "ann", other, "hash"), "{slug} {name} {password}");
        }
        assert_ne!(
            Doorkeeper::new(FailedLogins::default()).seal(&["acme", "ann", "secret"]),
            sealed,
            "each process has its own key"
        );
    }
}
