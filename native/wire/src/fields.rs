use std::fmt;

use serde_json::{Map, Value};

/// A line that is not what the schema says; names the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError(pub String);

impl fmt::Display for WireError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for WireError {}

pub(crate) type Result<T> = std::result::Result<T, WireError>;

pub(crate) fn wrong<T>(path: &str, expected: &str) -> Result<T> {
    Err(WireError(format!("{path}: must be {expected}")))
}

/// The keys of one object, taken out one by one; what is left at the end is unknown and an error.
pub(crate) struct Fields {
    path: String,
    map: Map<String, Value>,
}

impl Fields {
    pub(crate) fn of(path: &str, value: Value) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Fields {
                path: path.to_owned(),
                map,
            }),
            _ => wrong(path, "an object"),
        }
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub(crate) fn value(&mut self, key: &str) -> Result<Value> {
        match self.map.remove(key) {
            Some(value) => Ok(value),
            None => Err(WireError(format!("{}: missing", self.path_of(key)))),
        }
    }

    /// A key that may be left out.
    pub(crate) fn optional(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key)
    }

    pub(crate) fn string(&mut self, key: &str) -> Result<String> {
        let value = self.value(key)?;
        string(&self.path_of(key), value)
    }

    pub(crate) fn bool(&mut self, key: &str) -> Result<bool> {
        match self.value(key)? {
            Value::Bool(value) => Ok(value),
            _ => wrong(&self.path_of(key), "true or false"),
        }
    }

    pub(crate) fn list<T>(
        &mut self,
        key: &str,
        each: impl Fn(&str, Value) -> Result<T>,
    ) -> Result<Vec<T>> {
        let value = self.value(key)?;
        list(&self.path_of(key), value, each)
    }

    /// A key that must be written, as `null` where it is empty.
    pub(crate) fn nullable<T>(
        &mut self,
        key: &str,
        read: impl Fn(&str, Value) -> Result<T>,
    ) -> Result<Option<T>> {
        match self.value(key)? {
            Value::Null => Ok(None),
            value => read(&self.path_of(key), value).map(Some),
        }
    }

    pub(crate) fn finish(self) -> Result<()> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(key) => Err(WireError(format!("{}: unknown key", self.path_of(key)))),
        }
    }
}

/// Strings end up as C strings in system calls: a NUL would cut them where nobody looked.
pub(crate) fn string(path: &str, value: Value) -> Result<String> {
    match value {
        Value::String(text) if !text.contains('\0') => Ok(text),
        _ => wrong(path, "a string without a NUL"),
    }
}

pub(crate) fn list<T>(
    path: &str,
    value: Value,
    each: impl Fn(&str, Value) -> Result<T>,
) -> Result<Vec<T>> {
    match value {
        Value::Array(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| each(&format!("{path}[{index}]"), item))
            .collect(),
        _ => wrong(path, "a list"),
    }
}
