//! Reads a table key by key, so that a bad value affects no other. Keys that are not asked for remain, for a newer program that
//! knows them.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::store::{BadEntry, Expected};

/// A table that is being read.
pub(super) struct Fields<'a> {
    table: Table,
    /// What stands before the keys in messages: `relay 2: `.
    place: String,
    bad: &'a mut Vec<BadEntry>,
}

impl<'a> Fields<'a> {
    /// The fields of a whole file. Entries that can't be used are added to `bad`.
    pub(super) fn of(table: Table, bad: &'a mut Vec<BadEntry>) -> Self {
        Self { table, place: String::new(), bad }
    }

    /// What `read` makes of the value of a key; `None` if the key is missing or its value is bad. `expected` says in a message what
    /// the value should be.
    pub(super) fn take<T>(
        &mut self,
        key: &str,
        expected: Expected,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        let found = read(self.table.remove(key)?);
        if found.is_none() {
            self.reject(key, expected);
        }
        found
    }

    /// A number within bounds.
    pub(super) fn number<T>(&mut self, key: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: DeserializeOwned + PartialOrd + Display,
    {
        let (from, to) = (range.start().to_string(), range.end().to_string());
        self.take(key, Expected::Number { from, to }, |value| {
            typed(value).filter(|number| range.contains(number))
        })
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, key: &str) -> Option<bool> {
        self.take(key, Expected::Switch, typed)
    }

    /// Text; an empty text counts as missing.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.take(key, Expected::Text, typed::<String>).filter(|text| !text.is_empty())
    }

    /// Text that is parsed.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &str, expected: Expected) -> Option<T> {
        self.take(key, expected, |value| value.as_str()?.parse().ok())
    }

    /// Text that is parsed, under a key that must be there.
    pub(super) fn required_as<T>(
        &mut self,
        key: &str,
        expected: Expected,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.reject(key, expected.clone());
        }
        self.take(key, expected, |value| read(value.as_str()?))
    }

    /// The table under a key.
    pub(super) fn inner(&mut self, key: &str) -> Option<Fields<'_>> {
        let table = self.take(key, Expected::Table, typed)?;
        Some(Fields { table, place: format!("{}{key}: ", self.place), bad: self.bad })
    }

    /// What `read` makes of each table of an array. For an element that is not a table it gets an empty one.
    pub(super) fn each<T>(&mut self, key: &str, mut read: impl FnMut(Fields<'_>) -> Option<T>) -> Vec<T> {
        let values: Vec<Value> = self.take(key, Expected::Tables, typed).unwrap_or_default();
        let mut items = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let place = format!("{}{key} {}: ", self.place, index + 1);
            let table = typed(value).unwrap_or_default();
            items.extend(read(Fields { table, place, bad: self.bad }));
        }
        items
    }

    /// The keys that were not asked for.
    pub(super) fn rest(self) -> Table {
        self.table
    }

    fn reject(&mut self, key: &str, expected: Expected) {
        let key = format!("{}{key}", self.place);
        self.bad.push(BadEntry { key, expected });
    }
}

/// A value of this type, or nothing.
pub(super) fn typed<T: DeserializeOwned>(value: Value) -> Option<T> {
    value.try_into().ok()
}
