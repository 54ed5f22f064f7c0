//! A process that dies, before and after everything it does: whoever takes its run up comes to the same end as
//! a run that nobody disturbed.

mod calls;
mod crash;
mod errands;
mod inbound;
mod launches;
mod left_out;
mod outbound;
mod preceding;
mod schedules;
mod single;
mod undo;
