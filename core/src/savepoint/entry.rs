//! One entry of a state, as it is shown.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::record::Value;
use crate::time::EventTime;

/// A value of a state, or an item of a list; serialises as JSON has it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StateEntry {
    /// The key. Where the engine has something of its own beside it, such as the name of a timer or a map's key, this is all of it, as a string of hexadecimal digits.
    pub key: Value,
    /// The pane that it is in.
    pub pane: Option<i64>,
    /// When it expires or is due, nanoseconds since the Unix epoch.
    pub deadline: Option<i64>,
    /// Its place in the key's list, from 0.
    pub item: Option<u64>,
    /// The event time that is kept with it.
    pub time: Option<EventTime>,
    /// The value; none of a bare deadline, and of what is not described.
    pub value: Option<Value>,
}

impl Serialize for StateEntry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { key, pane, deadline, item, time, value } = self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("key", key)?;
        pane.iter().try_for_each(|pane| map.serialize_entry("pane", pane))?;
        deadline.iter().try_for_each(|deadline| map.serialize_entry("deadline", deadline))?;
        item.iter().try_for_each(|item| map.serialize_entry("item", item))?;
        time.iter().try_for_each(|time| map.serialize_entry("time", &time.to_string()))?;
        value.iter().try_for_each(|value| map.serialize_entry("value", value))?;
        map.end()
    }
}

/// As JSON, in one line.
impl fmt::Display for StateEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sonic_rs::to_string(self).map_err(|_| fmt::Error)?)
    }
}
