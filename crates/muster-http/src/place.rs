//! What is in a list is known by its key: where in the list it stands says nothing, and is another place the next time.

use muster_connector::{Place, RemoteClass};

/// The place of whatever came in a list.
pub const NO_PLACE: Place = Place(0);
/// The longest key, in octets.
pub const LONGEST_KEY: usize = 1024;

/// A place of a class in words.
#[must_use]
pub fn place_of(class: &RemoteClass, place: Place) -> String {
    match place {
        NO_PLACE => format!("`{}`", class.remote_name),
        Place(number) => format!("`{}` number {number}", class.remote_name),
    }
}

/// Whether a text can be a key, and stand within a path.
#[must_use]
pub fn is_sound_key(key: &str) -> bool {
    // Within a path these two lead elsewhere.
    let is_step = key == "." || key == "..";
    !key.is_empty() && !is_step && key.len() <= LONGEST_KEY && !key.contains(char::is_control)
}
