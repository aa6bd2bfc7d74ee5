//! proto3 without imports, options, maps, nested types and services' contents.

#[derive(Debug)]
pub enum Item {
    Message(Message),
    Enum(Enum),
    Service(Service),
}

#[derive(Debug)]
pub struct Message {
    pub name: String,
    pub fields: Vec<Field>,
    pub choices: Vec<Choice>,
}

/// A `oneof`.
#[derive(Debug)]
pub struct Choice {
    pub name: String,
    pub fields: Vec<Field>,
}

#[derive(Debug)]
pub struct Field {
    pub label: Label,
    pub kind: String,
    pub name: String,
    pub number: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    One,
    Optional,
    Repeated,
}

#[derive(Debug)]
pub struct Enum {
    pub name: String,
    pub values: Vec<(String, u32)>,
}

#[derive(Debug)]
pub struct Service {
    pub name: String,
    pub calls: Vec<String>,
}

pub fn parse(text: &str) -> (String, Vec<Item>) {
    let mut words = Words::new(text);
    words.expect(&["syntax", "=", "\"proto3\"", ";", "package"]);
    let package = words.name();
    words.expect(&[";"]);
    let mut items = Vec::new();
    while let Some(word) = words.next() {
        items.push(match word.as_str() {
            "message" => Item::Message(message(&mut words)),
            "enum" => Item::Enum(enumeration(&mut words)),
            "service" => Item::Service(service(&mut words)),
            other => panic!("{other}: not read by this generator"),
        });
    }
    (package, items)
}

fn message(words: &mut Words) -> Message {
    let mut message = Message {
        name: words.name(),
        fields: Vec::new(),
        choices: Vec::new(),
    };
    words.expect(&["{"]);
    loop {
        match words.name().as_str() {
            "}" => return message,
            "oneof" => message.choices.push(choice(words)),
            "optional" => {
                let kind = words.name();
                message.fields.push(field(words, Label::Optional, kind));
            }
            "repeated" => {
                let kind = words.name();
                message.fields.push(field(words, Label::Repeated, kind));
            }
            refused @ ("map" | "reserved" | "option" | "message" | "enum" | "group") => {
                panic!("{refused}: not read by this generator")
            }
            kind => message
                .fields
                .push(field(words, Label::One, kind.to_owned())),
        }
    }
}

fn choice(words: &mut Words) -> Choice {
    let mut choice = Choice {
        name: words.name(),
        fields: Vec::new(),
    };
    words.expect(&["{"]);
    loop {
        match words.name().as_str() {
            "}" => return choice,
            kind => choice
                .fields
                .push(field(words, Label::One, kind.to_owned())),
        }
    }
}

fn field(words: &mut Words, label: Label, kind: String) -> Field {
    let name = words.name();
    words.expect(&["="]);
    let number = words.number();
    words.expect(&[";"]);
    Field {
        label,
        kind,
        name,
        number,
    }
}

fn enumeration(words: &mut Words) -> Enum {
    let name = words.name();
    words.expect(&["{"]);
    let mut values = Vec::new();
    loop {
        let value = words.name();
        if value == "}" {
            return Enum { name, values };
        }
        words.expect(&["="]);
        values.push((value, words.number()));
        words.expect(&[";"]);
    }
}

fn service(words: &mut Words) -> Service {
    let name = words.name();
    words.expect(&["{"]);
    let mut calls = Vec::new();
    loop {
        match words.name().as_str() {
            "}" => return Service { name, calls },
            "rpc" => {
                calls.push(words.name());
                while words.name() != ";" {}
            }
            other => panic!("{other}: not read by this generator"),
        }
    }
}

struct Words(std::vec::IntoIter<String>);

impl Words {
    fn new(text: &str) -> Words {
        let mut words: Vec<String> = Vec::new();
        for line in text.lines() {
            let code = line.split("//").next().unwrap_or_default();
            let mut word = String::new();
            for letter in code.chars() {
                if letter.is_whitespace() || "{}()=;".contains(letter) {
                    words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
                    words.extend((!letter.is_whitespace()).then(|| letter.to_string()));
                } else {
                    word.push(letter);
                }
            }
            words.extend((!word.is_empty()).then_some(word));
        }
        Words(words.into_iter())
    }

    fn next(&mut self) -> Option<String> {
        self.0.next()
    }

    fn name(&mut self) -> String {
        self.next().expect("the file ends too early")
    }

    fn number(&mut self) -> u32 {
        self.name().parse().expect("a number")
    }

    fn expect(&mut self, expected: &[&str]) {
        for word in expected {
            assert_eq!(&self.name(), word);
        }
    }
}
