//! Servers that mean no good: what they do ends in an error that says so, in time, and nobody is concluded to be gone.

use std::time::Duration;

use muster_connector::{ConnectorError, ConnectorKind as _, Properties, RemoteClass};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::systems::{System, create, host, kind, sweep, text_pairs, uids, write};

fn message(letter: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[letter][..], &length.to_be_bytes(), body].concat()
}

/// What lets somebody in, and is ready for a question.
fn welcome() -> Vec<u8> {
    [message(b'R', &[0, 0, 0, 0]), message(b'K', &[0; 8]), message(b'Z', b"I")].concat()
}

/// A server that reads the first message, says this, and keeps the connection if it is told to.
async fn saying(octets: Vec<u8>, keeps: bool) -> Properties {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    tokio::spawn(async move {
        let mut kept: Vec<TcpStream> = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = stream.read_u32().await.unwrap_or(4);
            stream
                .read_exact(&mut vec![0; length.saturating_sub(4).min(10_000) as usize])
                .await
                .unwrap_or_default();
            stream.write_all(&octets).await.unwrap_or_default();
            if keeps {
                kept.push(stream);
            }
        }
    });
    text_pairs(&[
        ("database", "postgres"),
        ("host", "127.0.0.1"),
        ("port", &port),
        ("databaseName", "x"),
        ("user", "x"),
        ("password", "very secret"),
        ("tls", "DISABLE"),
    ])
}

#[tokio::test]
async fn what_is_no_postgres_is_told_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut host = host(directory.path());
    host.call_limit = Duration::from_millis(500);
    let refusal = message(b'E', b"SFATAL\0VFATAL\0C28P01\0Mno way in: \x1b[2J\r\nvery long \0\0");
    for (what, octets, keeps) in [
        ("nothing", vec![], true),
        ("an end", vec![], false),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), true),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), true),
        ("zeros", vec![0; 10_000], true),
        ("a long message", [&b"R"[..], &u32::MAX.to_be_bytes()].concat(), true),
        ("half a message", b"R\0\0\0\x08\0\0".to_vec(), false),
        ("half a message for ever", b"R\0\0\0\x08\0\0".to_vec(), true),
        ("an unknown way in", message(b'R', &[0, 0, 0, 99]), true),
        ("a refusal", refusal, true),
        ("in, and nothing more", welcome(), true),
        ("in, and an end", welcome(), false),
        (
            "in, and rows that nobody asked for",
            [welcome(), message(b'D', &[0, 1, 0, 0, 0, 1, b'x']).repeat(1000)].concat(),
            true,
        ),
        (
            "in, and a row of a negative length",
            [welcome(), message(b'1', &[]), message(b'D', &[255, 255, 255, 255, 255, 0])].concat(),
            true,
        ),
    ] {
        let properties = saying(octets, keeps).await;
        let opened = kind().open(&properties, &host).await.map(|_| ());
        let Err(error) = opened else { panic!("{what}: it was opened") };
        let shown = error.to_string();
        assert!(
            matches!(error, ConnectorError::Transient { .. } | ConnectorError::Unusable { .. }),
            "{what}: {error:?}"
        );
        assert!(
            !shown.contains("very secret") && !shown.contains('\u{1b}') && !shown.contains('\n'),
            "{what}: {shown}"
        );
        assert!(shown.contains("127.0.0.1"), "{what}: {shown}");
    }
}

/// Somebody between us and a sound server, who cuts the connection once so many octets have come back.
async fn cut_after(system: &System, octets: usize) -> Properties {
    let mut properties = system.properties(&[]);
    let (host, port) = (properties["host"].clone(), properties["port"].parse::<u16>().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    properties.insert("port".to_owned(), listener.local_addr().unwrap().port().to_string());
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect((host.as_str(), port)).await.unwrap();
            let (mut near_reader, mut near_writer) = near.into_split();
            let (far_reader, mut far_writer) = far.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut near_reader, &mut far_writer).await });
            let mut some = far_reader.take(octets as u64);
            tokio::io::copy(&mut some, &mut near_writer).await.unwrap_or_default();
        }
    });
    properties
}

#[tokio::test]
async fn wherever_a_connection_breaks_nobody_is_gone() {
    let system = System::postgres().await;
    system.run("CREATE TABLE people (id integer PRIMARY KEY, name text); INSERT INTO people SELECT n, 'name of ' || n FROM generate_series(1, 300) n").await;
    let class = RemoteClass::new("people", "id");
    let (mut cut, mut whole) = (0, 0);
    for octets in (100..30_000).step_by(1_111).chain([10_000_000]) {
        let properties = cut_after(&system, octets).await;
        let swept = match kind().open(&properties, &system.host()).await {
            Ok(connector) => sweep(&*connector, &class, 50).await,
            Err(error) => Err(error),
        };
        match swept {
            Ok((entries, _)) => {
                assert_eq!(entries.len(), 300, "{octets} octets");
                whole += 1;
            }
            Err(ConnectorError::Transient { .. }) => cut += 1,
            Err(error) => panic!("{octets} octets: {error:?}"),
        }
    }
    assert!(cut > 5 && whole > 0, "{cut} cut, {whole} whole");
}

#[tokio::test]
async fn a_slow_statement_ends_in_time_and_the_next_goes_well() {
    let system = System::postgres().await;
    system.run("CREATE TABLE people (id integer PRIMARY KEY)").await;
    let mut host = system.host();
    host.call_limit = Duration::from_millis(700);
    let properties = system.properties(&[("query.slow", "SELECT 1 AS id, pg_sleep(60)::text AS s")]);
    let connector = kind().open(&properties, &host).await.unwrap();
    let error = connector.probe(&RemoteClass::new("slow", "id")).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Transient { .. }), "{error:?}");
    connector.probe(&RemoteClass::new("people", "id")).await.unwrap();
}

/// Somebody between us and a sound server, who hears what is answered to each `COMMIT` and does not pass it on.
async fn swallowing_commits(properties: &mut Properties) {
    let (host, port) = (properties["host"].clone(), properties["port"].parse::<u16>().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    properties.insert("port".to_owned(), listener.local_addr().unwrap().port().to_string());
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect((host.as_str(), port)).await.unwrap();
            tokio::spawn(async move {
                let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
                let mut commits = false;
                loop {
                    tokio::select! {
                        count = near.read(&mut asked) => {
                            let count = count.unwrap_or(0);
                            if count == 0 { return }
                            commits |= asked[..count].windows(6).any(|six| six == b"COMMIT");
                            far.write_all(&asked[..count]).await.unwrap();
                        }
                        count = far.read(&mut answered) => {
                            let count = count.unwrap_or(0);
                            let is_done = commits && answered[..count].windows(7).any(|seven| seven == b"COMMIT\0");
                            if count == 0 || is_done { return }
                            near.write_all(&answered[..count]).await.unwrap();
                        }
                    }
                }
            });
        }
    });
}

#[tokio::test]
async fn an_account_whose_creation_nobody_answers_is_made_once_and_found() {
    let system = System::postgres().await;
    system.run("CREATE TABLE people (id bigserial PRIMARY KEY, name text UNIQUE)").await;
    for (more, class) in [
        (&[][..], RemoteClass::new("people", "name")),
        (
            &[("keysGivenBy", "DATABASE")],
            RemoteClass { name_attribute: Some("name".into()), ..RemoteClass::new("people", "id") },
        ),
    ] {
        system.run("DELETE FROM people").await;
        let mut properties = system.properties(more);
        let sound = kind().open(&properties, &system.host()).await.unwrap();
        swallowing_commits(&mut properties).await;
        let lossy = kind().open(&properties, &system.host()).await.unwrap();
        let outcomes = write(&*lossy, &class, vec![create("ann", &[])]).await;
        assert!(matches!(outcomes[0], Err(ConnectorError::Transient { .. })), "{outcomes:?}");
        let again = write(&*sound, &class, vec![create("ann", &[])]).await;
        assert!(matches!(again[0], Err(ConnectorError::Conflict { .. })), "{again:?}");
        let found = lossy.find(&class, &["ann".to_owned()]).await.unwrap();
        assert_eq!(found.len(), 1, "{:?}", uids(&found));
        assert_eq!(system.count("SELECT count(*) FROM people").await, 1);
    }
}
