//! Rust for what was parsed: one struct a message, one enum a `oneof`, without macros that need a derive crate.

use std::fmt::Write;

use super::parse::{Choice, Enum, Field, Item, Label, Message, Service};

const HEAD: &str = "\
//! The messages of `proto/glovebox/inside/v1/inside.proto`, which says what they mean.
//!
//! Generated: `GLOVEBOX_GENERATE=1 cargo test -p glovebox-wire --test generated` writes it anew.

use bytes::BytesMut;

use crate::message::{self, Layout, Message, Reader, Result};
";

pub fn emit(package: &str, items: &[Item]) -> String {
    let mut out = HEAD.to_owned();
    let enums: Vec<&str> = items
        .iter()
        .filter_map(|item| match item {
            Item::Enum(found) => Some(found.name.as_str()),
            _ => None,
        })
        .collect();
    let services: Vec<&Service> = items
        .iter()
        .filter_map(|item| match item {
            Item::Service(found) => Some(found),
            _ => None,
        })
        .collect();
    calls(&mut out, package, &services);
    for item in items {
        match item {
            Item::Message(message) => Types { enums: &enums }.message(&mut out, message),
            Item::Enum(found) => enumeration(&mut out, found),
            Item::Service(_) => {}
        }
    }
    out
}

macro_rules! line {
    ($out:expr, $($text:tt)*) => { writeln!($out, $($text)*).expect("a string takes all") };
}

fn calls(out: &mut String, package: &str, services: &[&Service]) {
    line!(out, "\n/// Full names of the services.");
    line!(out, "pub const SERVICES: [&str; {}] = [", services.len());
    for service in services {
        line!(out, "    \"{package}.{}\",", service.name);
    }
    line!(out, "];\n\n/// Every call there is.");
    line!(
        out,
        "#[derive(Clone, Copy, Debug, PartialEq, Eq)]\npub enum Call {{"
    );
    let all: Vec<(&str, &str)> = services
        .iter()
        .flat_map(|service| {
            let calls = service.calls.iter();
            calls.map(|call| (service.name.as_str(), call.as_str()))
        })
        .collect();
    for (service, call) in &all {
        line!(out, "    {service}{call},");
    }
    line!(out, "}}\n\nimpl Call {{");
    line!(out, "    /// By the path of a request.");
    line!(
        out,
        "    pub fn at(path: &str) -> Option<Call> {{\n        Some(match path {{"
    );
    for (service, call) in &all {
        line!(
            out,
            "            \"/{package}.{service}/{call}\" => Call::{service}{call},"
        );
    }
    line!(
        out,
        "            _ => return None,\n        }})\n    }}\n}}"
    );
}

fn enumeration(out: &mut String, found: &Enum) {
    let prefix = format!("{}_", screaming(&found.name));
    let names: Vec<(String, u32)> = found
        .values
        .iter()
        .map(|(name, number)| (pascal(name.strip_prefix(&prefix).unwrap_or(name)), *number))
        .collect();
    line!(
        out,
        "\n#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]"
    );
    line!(out, "pub enum {} {{\n    #[default]", found.name);
    for (name, number) in &names {
        line!(out, "    {name} = {number},");
    }
    line!(out, "}}\n\nimpl {} {{", found.name);
    line!(
        out,
        "    /// A newer peer's value is no value of ours: the first one."
    );
    line!(
        out,
        "    fn of(number: i32) -> Self {{\n        match number {{"
    );
    for (name, number) in &names[1..] {
        line!(out, "            {number} => Self::{name},");
    }
    line!(
        out,
        "            _ => Self::{},\n        }}\n    }}\n}}",
        names[0].0
    );
}

struct Types<'a> {
    enums: &'a [&'a str],
}

impl Types<'_> {
    fn message(&self, out: &mut String, message: &Message) {
        line!(out, "\n#[derive(Clone, Debug, Default, PartialEq)]");
        line!(out, "pub struct {} {{", message.name);
        for field in &message.fields {
            line!(out, "    pub {}: {},", field.name, self.held(field));
        }
        for choice in &message.choices {
            line!(
                out,
                "    pub {}: Option<{}>,",
                choice.name,
                of(message, choice)
            );
        }
        line!(out, "}}");
        for choice in &message.choices {
            line!(out, "\n#[derive(Clone, Debug, PartialEq)]");
            line!(out, "pub enum {} {{", of(message, choice));
            for field in &choice.fields {
                line!(
                    out,
                    "    {}({}),",
                    pascal(&field.name),
                    self.plain(&field.kind)
                );
            }
            line!(out, "}}");
        }
        line!(out, "\nimpl Message for {} {{", message.name);
        self.encode(out, message);
        self.take(out, message);
        line!(out, "}}");
    }

    fn encode(&self, out: &mut String, message: &Message) {
        let empty = message.fields.is_empty() && message.choices.is_empty();
        let name = if empty { "_out" } else { "out" };
        line!(out, "    fn encode(&self, {name}: &mut BytesMut) {{");
        for field in &message.fields {
            let this = format!("self.{}", field.name);
            let put = self.put(field, "value");
            match field.label {
                Label::Repeated if field.kind == "uint32" => {
                    line!(out, "        if !{this}.is_empty() {{");
                    line!(
                        out,
                        "            message::put_packed({}, &{this}, out);\n        }}",
                        field.number
                    );
                }
                Label::Repeated => {
                    line!(
                        out,
                        "        for value in &{this} {{\n            {put}\n        }}"
                    );
                }
                _ if field.label == Label::Optional || self.is_message(&field.kind) => {
                    line!(
                        out,
                        "        if let Some(value) = &{this} {{\n            {put}\n        }}"
                    );
                }
                _ => {
                    line!(out, "        if {} {{", self.there(&field.kind, &this));
                    line!(
                        out,
                        "            let value = &{this};\n            {put}\n        }}"
                    );
                }
            }
        }
        for choice in &message.choices {
            line!(
                out,
                "        match &self.{} {{\n            None => {{}}",
                choice.name
            );
            for field in &choice.fields {
                line!(
                    out,
                    "            Some({}::{}(value)) => {{ {} }}",
                    of(message, choice),
                    pascal(&field.name),
                    self.put(field, "value")
                );
            }
            line!(out, "        }}");
        }
        line!(out, "    }}");
    }

    fn take(&self, out: &mut String, message: &Message) {
        let empty = message.fields.is_empty() && message.choices.is_empty();
        let number = if empty { "_number" } else { "number" };
        line!(out, "\n    fn take(&mut self, {number}: u32, layout: Layout, reader: &mut Reader) -> Result<()> {{");
        if empty {
            line!(out, "        reader.skip(layout)\n    }}");
            return;
        }
        line!(out, "        match number {{");
        for field in &message.fields {
            let (this, read) = (format!("self.{}", field.name), self.read(&field.kind));
            let set = match field.label {
                Label::Repeated if field.kind == "uint32" => {
                    format!("reader.numbers(layout, &mut {this}, Reader::u32)?")
                }
                Label::Repeated => format!("message::push(&mut {this}, {read})?"),
                _ if field.label == Label::Optional || self.is_message(&field.kind) => {
                    format!("{this} = Some({read})")
                }
                _ => format!("{this} = {read}"),
            };
            line!(out, "            {} => {set},", field.number);
        }
        for choice in &message.choices {
            for field in &choice.fields {
                line!(
                    out,
                    "            {} => self.{} = Some({}::{}({})),",
                    field.number,
                    choice.name,
                    of(message, choice),
                    pascal(&field.name),
                    self.read(&field.kind)
                );
            }
        }
        line!(out, "            _ => reader.skip(layout)?,\n        }}");
        line!(out, "        Ok(())\n    }}");
    }

    fn held(&self, field: &Field) -> String {
        let plain = self.plain(&field.kind);
        match field.label {
            Label::Repeated => format!("Vec<{plain}>"),
            Label::Optional => format!("Option<{plain}>"),
            Label::One if self.is_message(&field.kind) => format!("Option<{plain}>"),
            Label::One => plain,
        }
    }

    fn plain(&self, kind: &str) -> String {
        match kind {
            "uint32" => "u32",
            "uint64" => "u64",
            "int32" => "i32",
            "int64" => "i64",
            "bool" => "bool",
            "float" => "f32",
            "bytes" => "bytes::Bytes",
            "string" => "String",
            "double" | "sint32" | "sint64" | "fixed32" | "fixed64" | "sfixed32" | "sfixed64" => {
                panic!("{kind}: not known to this generator")
            }
            named => named,
        }
        .to_owned()
    }

    fn is_message(&self, kind: &str) -> bool {
        kind.starts_with(char::is_uppercase) && !self.enums.contains(&kind)
    }

    fn there(&self, kind: &str, value: &str) -> String {
        match kind {
            "bool" => value.to_owned(),
            "bytes" | "string" => format!("!{value}.is_empty()"),
            "float" => format!("{value} != 0.0"),
            _ if self.enums.contains(&kind) => format!("{value} as i32 != 0"),
            _ => format!("{value} != 0"),
        }
    }

    fn put(&self, field: &Field, value: &str) -> String {
        let number = field.number;
        match field.kind.as_str() {
            "uint32" | "bool" => {
                format!("message::put_number({number}, u64::from(*{value}), out);")
            }
            "uint64" => format!("message::put_number({number}, *{value}, out);"),
            "int32" => format!("message::put_number({number}, i64::from(*{value}) as u64, out);"),
            "int64" => format!("message::put_number({number}, *{value} as u64, out);"),
            "float" => format!("message::put_f32({number}, *{value}, out);"),
            "bytes" => format!("message::put_bytes({number}, {value}, out);"),
            "string" => format!("message::put_bytes({number}, {value}.as_bytes(), out);"),
            kind if self.is_message(kind) => {
                format!("message::put_message({number}, {value}, out);")
            }
            _ => format!("message::put_number({number}, *{value} as u64, out);"),
        }
    }

    fn read(&self, kind: &str) -> String {
        match kind {
            "uint32" => "reader.u32(layout)?".to_owned(),
            "uint64" => "reader.u64(layout)?".to_owned(),
            "int32" => "reader.i32(layout)?".to_owned(),
            "int64" => "reader.i64(layout)?".to_owned(),
            "bool" => "reader.bool(layout)?".to_owned(),
            "float" => "reader.f32(layout)?".to_owned(),
            "bytes" => "reader.bytes(layout)?".to_owned(),
            "string" => "reader.string(layout)?".to_owned(),
            kind if self.is_message(kind) => "reader.message(layout)?".to_owned(),
            kind => format!("{kind}::of(reader.i32(layout)?)"),
        }
    }
}

/// The name of a `oneof`'s type: `ExecInput.input` is an `ExecInputCase`, `ExecEnded.how` an `ExecEndedHow`.
fn of(message: &Message, choice: &Choice) -> String {
    let name = pascal(&choice.name);
    match message.name.ends_with(&name) {
        true => format!("{}Case", message.name),
        false => format!("{}{name}", message.name),
    }
}

fn pascal(name: &str) -> String {
    name.split('_')
        .map(|part| {
            let (first, rest) = part.split_at(1);
            first.to_uppercase() + &rest.to_lowercase()
        })
        .collect()
}

fn screaming(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(letter.to_uppercase());
    }
    out
}
