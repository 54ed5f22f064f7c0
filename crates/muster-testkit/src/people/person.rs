//! One employee: facts that follow from the seed and the person's number.

use super::chance::Dice;
use super::names::{CULTURES, Culture, Name};

/// The columns of an export, the key first.
pub const COLUMNS: [&str; 12] = [
    "employeeNumber",
    "givenName",
    "surname",
    "email",
    "department",
    "costCenter",
    "jobTitle",
    "location",
    "managerNumber",
    "startDate",
    "endDate",
    "state",
];

/// An employee as the HR system knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    number: u64,
    manager: Option<u64>,
    given: Name,
    family: Name,
    department: usize,
    cost_center: u64,
    job: usize,
    location: &'static str,
    start: Date,
    end: Option<Date>,
    state: &'static str,
}

/// A day of the calendar; days stop at 28, which every month has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Date {
    year: u64,
    month: u64,
    day: u64,
}

impl Date {
    fn roll(dice: &mut Dice, first_year: u64, years: u64) -> Self {
        Self { year: first_year + dice.roll(years), month: dice.roll(12) + 1, day: dice.roll(28) + 1 }
    }

    fn to_text(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

struct Department {
    code: &'static str,
    cost_center: u64,
    jobs: &'static [&'static str],
}

const DEPARTMENTS: [Department; 9] = [
    Department {
        code: "IT",
        cost_center: 4100,
        jobs: &["Systems Engineer", "Engineer, Senior", "Service Desk Agent", "Database Administrator"],
    },
    Department {
        code: "FIN",
        cost_center: 4200,
        jobs: &["Accountant", "Controller", "Treasury Analyst", "Accounts Payable, Team Lead"],
    },
    Department {
        code: "HR",
        cost_center: 4300,
        jobs: &["Recruiter", "HR Business Partner", "Payroll Clerk"],
    },
    Department {
        code: "SAL",
        cost_center: 5100,
        jobs: &["Account Manager", "Sales Representative", "Sales Engineer", "Head of Sales, Region"],
    },
    Department { code: "MKT", cost_center: 5200, jobs: &["Copywriter", "Designer", "Campaign Manager"] },
    Department {
        code: "PRD",
        cost_center: 6100,
        jobs: &["Machine Operator", "Shift Supervisor", "Toolmaker", "Electrician (\"Meister\")"],
    },
    Department { code: "LOG", cost_center: 6200, jobs: &["Warehouse Operative", "Dispatcher", "Driver"] },
    Department {
        code: "RND",
        cost_center: 7100,
        jobs: &["Scientist", "Laboratory Technician", "Patent Officer"],
    },
    Department { code: "LEG", cost_center: 8100, jobs: &["Counsel", "Paralegal", "Data Protection Officer"] },
];

/// People are given numbers, and rolls, of their own; a change and an arrival roll apart from the person, so
/// that one more fact there does not reshuffle everybody.
const CHANGE: u64 = 1 << 62;
const ARRIVAL: u64 = 1 << 63;

impl Person {
    /// The person of that number.
    pub(super) fn new(seed: u64, number: u64, manager: Option<u64>) -> Self {
        let mut dice = Dice::new(seed, number);
        let culture = dice.pick(&CULTURES);
        let department = dice.roll(DEPARTMENTS.len() as u64) as usize;
        Self {
            number,
            manager,
            given: *dice.pick(culture.given),
            family: *dice.pick(culture.family),
            department,
            cost_center: dice.roll(6),
            job: dice.roll(DEPARTMENTS[department].jobs.len() as u64) as usize,
            location: roll_location(&mut dice, culture),
            start: Date::roll(&mut dice, 1994, 32),
            end: (dice.roll(25) == 0).then(|| Date::roll(&mut dice, 2027, 3)),
            state: if dice.roll(40) == 0 { "leave" } else { "active" },
        }
    }

    /// The same person with one fact changed; what follows from that fact follows along.
    pub(super) fn changed(mut self, seed: u64) -> Self {
        let mut dice = Dice::new(seed, self.number | CHANGE);
        match dice.roll(5) {
            0 => {
                let step = 1 + dice.roll(DEPARTMENTS.len() as u64 - 1) as usize;
                self.department = (self.department + step) % DEPARTMENTS.len();
                self.job = dice.roll(DEPARTMENTS[self.department].jobs.len() as u64) as usize;
            }
            1 => self.job = (self.job + 1) % DEPARTMENTS[self.department].jobs.len(),
            2 => self.location = other_location(&mut dice, self.location),
            3 => self.family = other_family_name(&mut dice, self.family),
            _ => self.state = if self.state == "active" { "leave" } else { "active" },
        }
        self
    }

    /// The same person as somebody who has just begun.
    pub(super) fn joined(mut self, seed: u64) -> Self {
        let mut dice = Dice::new(seed, self.number | ARRIVAL);
        self.start = Date { year: 2026, month: 11, day: dice.roll(28) + 1 };
        self.state = "active";
        self
    }

    /// The key: `E` and at least seven digits.
    #[must_use]
    pub fn employee_number(&self) -> String {
        format!("E{:07}", self.number)
    }

    /// One value a column, in the order of [`COLUMNS`].
    #[must_use]
    pub fn values(&self) -> [String; 12] {
        let department = &DEPARTMENTS[self.department];
        [
            self.employee_number(),
            self.given.written.to_owned(),
            self.family.written.to_owned(),
            format!("{}.{}.{}@example.com", self.given.latin, self.family.latin, self.number),
            department.code.to_owned(),
            format!("CC-{}", department.cost_center + self.cost_center * 10),
            department.jobs[self.job].to_owned(),
            self.location.to_owned(),
            self.manager.map_or_else(String::new, |manager| format!("E{manager:07}")),
            self.start.to_text(),
            self.end.map_or_else(String::new, Date::to_text),
            self.state.to_owned(),
        ]
    }
}

/// Two of three work where their name comes from.
fn roll_location(dice: &mut Dice, culture: &Culture) -> &'static str {
    if dice.roll(3) == 0 { dice.pick(&CULTURES).home } else { culture.home }
}

fn other_location(dice: &mut Dice, location: &str) -> &'static str {
    let others: Vec<_> =
        CULTURES.iter().map(|culture| culture.home).filter(|home| *home != location).collect();
    others[dice.roll(others.len() as u64) as usize]
}

fn other_family_name(dice: &mut Dice, family: Name) -> Name {
    let names: Vec<_> =
        CULTURES.iter().flat_map(|culture| culture.family).filter(|name| **name != family).collect();
    *names[dice.roll(names.len() as u64) as usize]
}
