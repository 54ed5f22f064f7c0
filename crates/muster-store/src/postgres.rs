//! Connections to PostgreSQL: what each is set to, and its transactions.
//!
//! A transaction says in its first message who looks, so that this costs no round trip of its own, and nothing of
//! it outlives the transaction. Knows no table.

use std::sync::Arc;

use sea_orm::sea_query::{ArrayType, ValueType};
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, Postgres};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{self, Arguments as _, AssertSqlSafe, ConnectOptions as _, SqlSafeStr as _};
use sea_orm::{DbErr, QueryResult, RuntimeErr, Statement, Value};
use uuid::Uuid;

use crate::database::Urgency;
use crate::sight::Sight;

/// Every statement of ours looks rows up by key. A planner that has not seen a table grow yet takes it for
/// empty and reads it whole for each page, so it is told not to. Waiting for a lock, or for us, has an end.
const POSTGRES_SETTINGS: [(&str, &str); 10] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_material", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("work_mem", "16MB"),
    ("lock_timeout", "30s"),
    ("statement_timeout", "10min"),
    ("idle_in_transaction_session_timeout", "60s"),
];

/// Holds a connection to the schema that it has found: the name of whoever looks may stand in the path.
const STAY: &str = "SELECT set_config('search_path', quote_ident(current_schema()), false) WHERE current_schema() IS NOT NULL";

/// Connects, eight connections at most.
pub(crate) async fn connect(url: &str) -> Result<PgPool, DbErr> {
    let options: PgConnectOptions = url.parse().map_err(unconnected)?;
    let options = options.options(POSTGRES_SETTINGS).disable_statement_logging();
    let pool =
        PgPoolOptions::new().max_connections(8).min_connections(1).test_before_acquire(false).after_connect(
            |connection, _| {
                Box::pin(async move { sqlx::raw_sql(STAY).execute(connection).await.map(|_| ()) })
            },
        );
    pool.connect_with(options).await.map_err(unconnected)
}

/// Runs a query that writes nothing, in a transaction of its own. That ends while its connection goes back to the
/// pool: nobody waits for it.
pub(crate) async fn read(
    pool: &PgPool,
    sight: Sight,
    statement: Statement,
) -> Result<Vec<QueryResult>, DbErr> {
    Session::open(pool, format!("{}; BEGIN READ ONLY", sight.script())).await?.query(statement).await
}

/// A connection in a transaction. Dropped without [`Session::commit`] it is rolled back.
pub(crate) struct Session(sqlx::Transaction<'static, Postgres>);

impl Session {
    /// Begins a transaction that writes.
    pub(crate) async fn begin(pool: &PgPool, sight: Sight, urgency: Urgency) -> Result<Self, DbErr> {
        let durability = match urgency {
            Urgency::Short | Urgency::Housekeeping => "",
            // A page that a crash of the server takes back is decided and written again from its checkpoint.
            Urgency::Bulk => "; SET LOCAL synchronous_commit = off",
        };
        Self::open(pool, format!("{}{durability}; BEGIN", sight.script())).await
    }

    /// Statements of one message are one transaction, which a `BEGIN` at its end only keeps open: should one before
    /// it be refused, then nothing is open that somebody else could be given.
    async fn open(pool: &PgPool, script: String) -> Result<Self, DbErr> {
        let connection: PoolConnection<Postgres> = pool.acquire().await.map_err(unconnected)?;
        let script = AssertSqlSafe(script).into_sql_str();
        // Begun to the end also when nobody waits any more: until it has the answer the library knows of no
        // transaction, and would give the connection to somebody else within it.
        let begun = tokio::spawn(sqlx::Transaction::begin(connection, Some(script))).await;
        let begun = begun.map_err(|error| DbErr::Conn(RuntimeErr::Internal(error.to_string())))?;
        begun.map(Self).map_err(refused)
    }

    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, DbErr> {
        let done = prepared(statement)?.execute(&mut *self.0).await;
        done.map(|done| done.rows_affected()).map_err(refused)
    }

    pub(crate) async fn query(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = prepared(statement)?.fetch_all(&mut *self.0).await.map_err(refused)?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    pub(crate) async fn script(&mut self, sql: &str) -> Result<(), DbErr> {
        let script = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        script.execute(&mut *self.0).await.map(|_| ()).map_err(refused)
    }

    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        self.0.commit().await.map_err(refused)
    }
}

fn prepared(statement: Statement) -> Result<Query<'static, Postgres, PgArguments>, DbErr> {
    let mut arguments = PgArguments::default();
    for value in statement.values.into_iter().flatten() {
        bind(&mut arguments, value)?;
    }
    Ok(sqlx::query_with(AssertSqlSafe(statement.sql), arguments))
}

/// Adds a value of the sorts that statements of ours have.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library has many more sorts")]
fn bind(arguments: &mut PgArguments, value: Value) -> Result<(), DbErr> {
    let bound = match value {
        Value::BigInt(number) => arguments.add(number),
        Value::String(text) => arguments.add(text),
        Value::Bytes(octets) => arguments.add(octets),
        Value::Uuid(id) => arguments.add(id),
        Value::Array(ArrayType::BigInt, values) => arguments.add(many::<i64>(values.map(|values| *values))?),
        Value::Array(ArrayType::String, values) => {
            arguments.add(many::<String>(values.map(|values| *values))?)
        }
        Value::Array(ArrayType::Bytes, values) => {
            arguments.add(many::<Vec<u8>>(values.map(|values| *values))?)
        }
        Value::Array(ArrayType::Uuid, values) => arguments.add(many::<Uuid>(values.map(|values| *values))?),
        // Not said which: it may be a secret.
        _ => return Err(unbound("a value is of a sort that is never sent")),
    };
    bound.map_err(unbound)
}

fn many<T: ValueType>(values: Option<Vec<Value>>) -> Result<Option<Vec<T>>, DbErr> {
    let Some(values) = values else { return Ok(None) };
    let values =
        values.into_iter().map(|value| T::try_from(value).map_err(|error| unbound(error.to_string())));
    values.collect::<Result<_, _>>().map(Some)
}

fn unbound(why: impl ToString) -> DbErr {
    DbErr::Type(why.to_string())
}

fn unconnected(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

fn refused(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}
