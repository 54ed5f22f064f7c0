//! The story of the demonstration: two days of a company, told in plain words with the numbers that came out.

use super::example::{CONFIGURATION, DAY_1, DAY_2};
use super::samples::{show_moves, show_problems, show_rows};
use super::tenant::{Change, PROVISIONING, RECONCILIATION, TENANT, Task, Tenant};
use crate::error::{CommandError, Exit};
use crate::print::{Number, count, say};
use crate::progress::Progress;

/// What HR delivers: `examples/README.md` says how it was made.
const PEOPLE: u64 = 3_000;
const BAD_LINES: u64 = 6;
const JOINERS: u64 = 24;
const CHANGED: u64 = 60;
const LEAVERS: u64 = 30;
/// Who works at a site with door controllers, on the first day.
const BADGES: u64 = 996;
/// Joiners and movers who get a badge on the second day.
const NEW_BADGES: u64 = 16;
/// Leavers and movers whose badge goes.
const OLD_BADGES: u64 = 13;
/// Accounts that look different after the changes of the second day.
const CHANGED_ACCOUNTS: u64 = 26;

const PAYROLL_FILE: &str = "out/payroll.csv";
const BADGE_FILE: &str = "out/badge.csv";

/// Tells the whole story.
///
/// # Errors
/// When something does not come out as it should.
pub(super) fn tell(tenant: &Tenant) -> Result<(), CommandError> {
    tenant.configure()?;
    say(format_args!(
        "The configuration of tenant `{TENANT}`: {} resources, checked and saved.",
        CONFIGURATION.len()
    ));
    say("  The task `hr-reconciliation` reads the HR file; the task `accounts` writes payroll and badges.");
    say("");
    tell_first_day(tenant)?;
    tell_repetition(tenant)?;
    tell_second_day(tenant)?;
    say("Everything came out as expected.");
    Ok(())
}

fn tell_first_day(tenant: &Tenant) -> Result<(), CommandError> {
    tenant.deliver(DAY_1)?;
    say("DAY 1: HR delivers its file.");
    say("");
    let run = run(tenant, RECONCILIATION, "Reconcile: the HR file into the identity repository")?;
    expect(&run, &[("created", PEOPLE), ("failed", BAD_LINES)])?;
    say(format_args!("   {} people created.", Number(run.counters.action("created"))));
    say(format_args!("   {BAD_LINES} bad lines found, named, and left out; everybody else is in:"));
    show_problems(&run);
    say("");
    let run = self::run(tenant, PROVISIONING, "Provision: accounts for these people")?;
    expect(&run, &[("created", PEOPLE + BADGES)])?;
    let (payroll, badges) = (tenant.read(PAYROLL_FILE)?, tenant.read(BADGE_FILE)?);
    expect_rows(PAYROLL_FILE, &payroll, PEOPLE)?;
    expect_rows(BADGE_FILE, &badges, BADGES)?;
    say(format_args!("   {} on the payroll, since every employee is paid:", Number(PEOPLE)));
    show_rows(&payroll);
    say(format_args!(
        "   {BADGES} badges, for those at sites with door controllers; the department says which doors:"
    ));
    show_rows(&badges);
    say("");
    Ok(())
}

fn tell_repetition(tenant: &Tenant) -> Result<(), CommandError> {
    say("THE SAME DAY, once more. Nothing has changed, so there must be nothing to do.");
    say("");
    let before = (tenant.read(PAYROLL_FILE)?, tenant.read(BADGE_FILE)?);
    let run = run(tenant, RECONCILIATION, "Reconcile again")?;
    expect(&run, &[("unchanged", PEOPLE), ("failed", BAD_LINES)])?;
    say(format_args!(
        "   Nothing to do: {} people are as the file says. The bad lines are still bad.",
        Number(PEOPLE)
    ));
    say("");
    let run = self::run(tenant, PROVISIONING, "Provision again")?;
    expect(&run, &[("unchanged", PEOPLE + BADGES)])?;
    say(format_args!("   Nothing to do: {} accounts are as they should be.", Number(PEOPLE + BADGES)));
    if (tenant.read(PAYROLL_FILE)?, tenant.read(BADGE_FILE)?) != before {
        return Err(unexpected("the files of the second provisioning", "no octet changed", "others"));
    }
    say("");
    Ok(())
}

fn tell_second_day(tenant: &Tenant) -> Result<(), CommandError> {
    tenant.deliver(DAY_2)?;
    say("DAY 2: HR delivers the next file. People have come, changed and gone.");
    say("");
    let run = run(tenant, RECONCILIATION, "Reconcile: exactly the right few things")?;
    let unchanged = PEOPLE - CHANGED - LEAVERS;
    expect(
        &run,
        &[
            ("created", JOINERS),
            ("updated", CHANGED),
            ("disabled", LEAVERS),
            ("unchanged", unchanged),
            ("failed", BAD_LINES),
        ],
    )?;
    let people = tenant.changes(RECONCILIATION, &run)?;
    expect_changes(&people, JOINERS + CHANGED + LEAVERS)?;
    say(format_args!(
        "   {JOINERS} people are new, {CHANGED} have changed, {} are as before.",
        Number(unchanged)
    ));
    say(format_args!(
        "   {LEAVERS} are gone from the file; the whole file was read and the guards agree, so they are"
    ));
    say("   disabled, not deleted: that is what this tenant's configuration says.");
    say("");
    let run = self::run(tenant, PROVISIONING, "Provision: the accounts follow")?;
    expect(
        &run,
        &[
            ("created", JOINERS + NEW_BADGES),
            ("updated", CHANGED_ACCOUNTS),
            ("disabled", LEAVERS),
            ("deleted", OLD_BADGES),
            ("unchanged", PEOPLE + BADGES - CHANGED_ACCOUNTS - LEAVERS - OLD_BADGES),
        ],
    )?;
    let accounts = tenant.changes(PROVISIONING, &run)?;
    expect_changes(&accounts, JOINERS + NEW_BADGES + CHANGED_ACCOUNTS + LEAVERS + OLD_BADGES)?;
    expect_rows(PAYROLL_FILE, &tenant.read(PAYROLL_FILE)?, PEOPLE + JOINERS)?;
    expect_rows(BADGE_FILE, &tenant.read(BADGE_FILE)?, BADGES + NEW_BADGES - OLD_BADGES)?;
    say(format_args!(
        "   Payroll: {JOINERS} accounts created; {LEAVERS} set inactive, the profile says DISABLE."
    ));
    say(format_args!("   Badges: {NEW_BADGES} created; {OLD_BADGES} deleted, the profile says DELETE."));
    say(format_args!("   {CHANGED_ACCOUNTS} accounts changed. Of some people the whole way:"));
    show_moves(&people, &accounts);
    say("");
    Ok(())
}

/// Runs a task and says how long it took.
fn run(tenant: &Tenant, task: Task, title: &str) -> Result<Progress, CommandError> {
    let progress = tenant.run(task)?;
    let counters = &progress.counters;
    let seconds = progress.processing_time_millis as f64 / 1000.0;
    say(format_args!("-> {title}  [{}]", task.id));
    let lacking = match counters.lacking {
        0 => String::new(),
        lacking => format!(", {} {}", Number(lacking), task.lacking),
    };
    let read = count(counters.read, task.one, task.many);
    say(format_args!("   {read} read{lacking}, in {seconds:.2} s with {} statements.", progress.statements));
    Ok(progress)
}

/// Holds a run against what it should have done; what is not named should not have happened.
fn expect(run: &Progress, expected: &[(&str, u64)]) -> Result<(), CommandError> {
    if let Some(failure) = &run.failure {
        return Err(CommandError::Failed { run: run.id.clone(), failure: failure.clone() });
    }
    if !matches!(run.exit(), Exit::Done | Exit::Partial) {
        let found = run.progress_status.as_str();
        return Err(unexpected(&format!("status of a run of `{}`", run.task), "FINISHED", found));
    }
    for (action, found) in run.counters.actions() {
        let wanted = expected.iter().find(|(name, _)| *name == action).map_or(0, |(_, number)| *number);
        if found != wanted {
            let what = format!("entries that are `{action}` by `{}`", run.task);
            return Err(unexpected(&what, &wanted, &found));
        }
    }
    Ok(())
}

fn expect_rows(file: &str, text: &str, rows: u64) -> Result<(), CommandError> {
    let found = text.lines().count().saturating_sub(1) as u64;
    if found == rows { Ok(()) } else { Err(unexpected(&format!("rows of {file}"), &rows, &found)) }
}

fn expect_changes(changes: &[Change], number: u64) -> Result<(), CommandError> {
    let found = changes.len() as u64;
    if found == number { Ok(()) } else { Err(unexpected("changes of the plan", &number, &found)) }
}

fn unexpected(
    what: &str,
    expected: &(impl ToString + ?Sized),
    found: &(impl ToString + ?Sized),
) -> CommandError {
    CommandError::Unexpected {
        what: what.to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    }
}
