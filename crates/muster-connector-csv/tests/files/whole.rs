//! Files that were not read whole: nothing may be concluded from absence in them.

use std::fs::{self, OpenOptions};
use std::io::Write;

use muster_connector::{Connector, Entry, Step, Sweep, SweepEnd, SweepRequest};

use crate::place::{Files, class, request, sweep};

#[tokio::test]
async fn a_file_is_complete_or_cut_short() {
    let trailer = [("trailer", "#END")];
    let counted = [("trailer", "#END"), ("trailerCountColumn", "2")];
    let minimum = [("minimumRows", "2")];
    let any = [("minimumShare", "0")];
    let share = [("minimumShare", "50")];
    let headless = [("header", "false"), ("columns", "id,name")];
    for (content, given, last_count, says) in [
        ("", &[][..], None, Some("is empty")),
        ("\n\n", &[], None, Some("is empty")),
        ("\u{feff}", &[], None, Some("is empty")),
        ("", &headless, None, None),
        ("", &headless, Some(3), Some("holds no records, 3 last time")),
        ("id,name\n", &[], None, None),
        ("id,name\n", &[], Some(0), None),
        ("id,name\n", &[], Some(3), Some("holds no records, 3 last time")),
        ("id,name\n1,a\n", &[], Some(1000), Some("fewer than 50 percent of the 1000")),
        ("id,name\n1,a\n", &any, Some(1000), None),
        ("id,name\n", &any, Some(1000), Some("holds no records, 1000 last time")),
        ("id,name\n1,\"a\n2,b\n", &[], None, Some("line 2: a quote is never closed")),
        ("id,name\n1,a\n#END\n", &trailer, None, None),
        ("id,name\n1,a\n\"#END of file\",x\n\n", &trailer, None, None),
        ("id,name\n1,a\n", &trailer, None, Some("does not end with a record that begins with `#END`")),
        ("id,name\n", &trailer, None, Some("does not end with a record that begins with `#END`")),
        ("id,name\n#END,x\n1,a\n#END", &trailer, None, None),
        ("id,name\n1,a\n#END,1\n", &counted, None, None),
        ("id,name\n1,a\nbad\n#END, 2 \n", &counted, None, None),
        ("id,name\n1,a\n#END,2\n", &counted, None, Some("counts 2 records, but there are 1")),
        ("id,name\n1,a\n#END\n", &counted, None, Some("no number in column 2")),
        ("id,name\n1,a\n2,b\n", &minimum, None, None),
        ("id,name\n1,a\n", &minimum, None, Some("fewer than 2")),
        ("id,name\n1,a\n2,b\n", &share, Some(4), None),
        ("id,name\n1,a\n2,b\n", &share, Some(5), Some("fewer than 50 percent of the 5")),
        ("id,name\n1,a\n2,b\n", &share, None, None),
    ] {
        let files = Files::with(content);
        let connector = files.open(given).await;
        let asked = SweepRequest { last_count, ..request(&class(&[])) };
        let swept = sweep(&*connector, asked.clone()).await;
        match says {
            None => assert_eq!(swept.end, SweepEnd::Complete { token: None }, "{content:?}"),
            Some(says) => {
                let reason = swept.reason();
                assert!(reason.contains("`people.csv`") && reason.contains(says), "{content:?}: {reason}");
            }
        }
        for cursor in swept.cursors() {
            let rest = sweep(&*connector, SweepRequest { resume: Some(cursor), ..asked.clone() }).await;
            assert_eq!(rest.end, swept.end, "{content:?}: a sweep that was taken up ends the same");
        }
    }
}

#[tokio::test]
async fn a_trailer_is_no_entry() {
    let files = Files::with("id,name\n1,a\n#END,x\n#END,1\n");
    let swept = sweep(&*files.open(&[("trailer", "#END")]).await, request(&class(&[]))).await;
    let uids: Vec<_> = swept.accounts().into_iter().map(|account| account.uid).collect();
    assert_eq!(uids, ["1", "#END"]);
}

#[tokio::test]
async fn half_a_character_at_the_end_is_noticed() {
    let mut bytes: Vec<u8> = "id\n1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes.push(b'2');
    let files = Files::with(bytes);
    let swept = sweep(&*files.open(&[("encoding", "UTF-16LE")]).await, request(&class(&[]))).await;
    assert!(swept.reason().contains("in the middle of a character"), "{}", swept.reason());
}

/// A sweep that has given its first page of a file that is much larger than what is read ahead.
async fn begun(connector: &dyn Connector) -> Box<dyn Sweep> {
    let asked = SweepRequest { page_size: 2.into(), ..request(&class(&[])) };
    let mut sweep = connector.sweep(asked).await.unwrap();
    assert!(matches!(sweep.next().await, Ok(Step::Page(_))));
    sweep
}

async fn end(sweep: Box<dyn Sweep>) -> SweepEnd {
    rest(sweep).await.1
}

/// What a sweep still gives, and how it ends.
async fn rest(mut sweep: Box<dyn Sweep>) -> (Vec<Entry>, SweepEnd) {
    let mut entries = Vec::new();
    loop {
        match sweep.next().await.unwrap() {
            Step::Page(page) => entries.extend(page.entries),
            Step::End(end) => return (entries, end),
        }
    }
}

fn many_records() -> String {
    let records: String = (0..1000).map(|number| format!("{number},name {number}\n")).collect();
    format!("id,name\n{records}")
}

/// What somebody does to a file while it is read.
type Change<'a> = &'a dyn Fn(&Files);

#[tokio::test]
async fn a_file_that_changes_under_the_reader_is_cut_short() {
    let append = |files: &Files| {
        let mut file = OpenOptions::new().append(true).open(files.own.join("people.csv")).unwrap();
        file.write_all(b"2000,late\n").unwrap();
    };
    let truncate = |files: &Files| {
        let file = OpenOptions::new().write(true).open(files.own.join("people.csv")).unwrap();
        file.set_len(500).unwrap();
    };
    let replace = |files: &Files| {
        fs::write(files.own.join("new.csv"), many_records()).unwrap();
        fs::rename(files.own.join("new.csv"), files.own.join("people.csv")).unwrap();
    };
    let remove = |files: &Files| fs::remove_file(files.own.join("people.csv")).unwrap();
    let changes: [(Change<'_>, &str); 4] = [
        (&append, "was changed while it was read"),
        (&truncate, "was changed while it was read"),
        (&replace, "was replaced by another file"),
        (&remove, "was removed while it was read"),
    ];
    for (change, says) in changes {
        let files = Files::with(many_records());
        let connector = files.open(&[]).await;
        let sweep = begun(&*connector).await;
        change(&files);
        match end(sweep).await {
            SweepEnd::CutShort { reason } => assert!(reason.contains(says), "{reason}"),
            SweepEnd::Complete { .. } => panic!("complete, although the file {says}"),
        }
    }
    let files = Files::with(many_records());
    let connector = files.open(&[]).await;
    assert_eq!(end(begun(&*connector).await).await, SweepEnd::Complete { token: None });
}

#[tokio::test]
async fn a_record_that_a_cut_has_shortened_is_given_to_nobody() {
    // Larger than everything that is read ahead. The cut is in the middle of a name: `100000,na` would look sound.
    let records: String = (100_000..200_000).map(|number| format!("{number},name {number}\n")).collect();
    let content = format!("id,name\n{records}");
    let files = Files::with(&content);
    let connector = files.open(&[]).await;
    let sweep = begun(&*connector).await;
    let file = OpenOptions::new().write(true).open(files.own.join("people.csv")).unwrap();
    let last = content.find("150000,").unwrap() + "150000,na".len();
    file.set_len(last as u64).unwrap();
    let (entries, end) = rest(sweep).await;
    for entry in entries {
        let Entry::Account(account) = entry else { panic!("{entry:?}") };
        let name = account.record.get("name").first().map(|name| name.to_text().into_owned());
        assert_eq!(name, Some(format!("name {}", account.uid)));
    }
    let reason =
        "`people.csv` was changed while it was read; put new files in place by renaming and run again";
    assert_eq!(end, SweepEnd::CutShort { reason: reason.to_owned() });
}

#[tokio::test]
async fn a_snapshot_changes_with_the_file() {
    let files = Files::with(many_records());
    let connector = files.open(&[]).await;
    let first = connector.sweep(request(&class(&[]))).await.unwrap().snapshot();
    assert_eq!(connector.sweep(request(&class(&[]))).await.unwrap().snapshot(), first);
    files.put(many_records().replace("name 7\n", "name x\n"));
    assert_ne!(connector.sweep(request(&class(&[]))).await.unwrap().snapshot(), first);
}

#[tokio::test]
async fn a_cursor_of_something_else_is_refused() {
    let files = Files::with("id\n1\n");
    let connector = files.open(&[]).await;
    for cursor in ["", "1", "1:2", "x:1:1", "99:1:1", "1:2:3:4"] {
        let resume = Some(muster_connector::Cursor(cursor.to_owned()));
        let begun = connector.sweep(SweepRequest { resume, ..request(&class(&[])) }).await;
        assert!(begun.is_err(), "{cursor}");
    }
}

#[tokio::test]
async fn totals_are_estimated_from_the_bytes() {
    let files = Files::with(many_records());
    let asked = SweepRequest { page_size: 100.into(), ..request(&class(&[])) };
    let swept = sweep(&*files.open(&[]).await, asked).await;
    for page in &swept.pages {
        let total = page.estimated_total.unwrap();
        assert!((900..1200).contains(&total), "{total}");
    }
    assert_eq!(swept.pages.len(), 10);
}
