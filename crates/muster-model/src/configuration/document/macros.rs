//! The declarations from which a document gets its struct, its reader, its writer and its shape.

/// Declares a document: one line of doc, a name and a wire name a field, and whether the field has to be
/// there (see [`Presence`](super::shape::Presence)).
///
/// ```text
/// document! {
///     /// A limit.
///     LimitDocument named "Limit" {
///         /// The most changes in percent.
///         optional percent: u8 = "percent" in 0..=100;
///         /// Words that are looked for.
///         list words: String = "words" each "word";
///     }
/// }
/// ```
/// The document still needs an implementation of [`Parse`](super::value::Parse).
macro_rules! document {
    (@type required $type:ty) => { $type };
    (@type optional $type:ty) => { Option<$type> };
    (@type defaulted $type:ty) => { Option<$type> };
    (@type list $type:ty) => { Vec<$type> };
    (@type at_least_one $type:ty) => { Vec<$type> };
    (@type narrowing $type:ty) => { Vec<$type> };
    (@presence required) => { $crate::configuration::document::shape::Presence::Required };
    (@presence optional) => { $crate::configuration::document::shape::Presence::Optional };
    (@presence defaulted) => { $crate::configuration::document::shape::Presence::Defaulted };
    (@presence list) => { $crate::configuration::document::shape::Presence::List };
    (@presence at_least_one) => { $crate::configuration::document::shape::Presence::AtLeastOne };
    (@presence narrowing) => { $crate::configuration::document::shape::Presence::Narrowing };
    (@default defaulted $type:ty) => {
        Some(|| $crate::configuration::document::value::FieldValue::write(&<$type>::default()))
    };
    (@default $presence:ident $type:ty) => { None };
    (@perhaps) => { None };
    (@perhaps $given:expr) => { Some($given) };
    (
        $(#[doc = $doc:literal])+
        $name:ident named $wire_name:literal {
            $(
                $(#[doc = $field_doc:literal])+
                $presence:ident $field:ident : $type:ty = $wire:literal
                    $(each $each:literal)? $(in $range:expr)? ;
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $field_doc])+ pub $field: document!(@type $presence $type), )+
        }

        impl $crate::configuration::document::value::DocumentShape for $name {
            const SHAPE: $crate::configuration::document::shape::Shape =
                $crate::configuration::document::shape::Shape {
                    name: $wire_name,
                    doc: concat!($($doc),+).trim_ascii_start(),
                    fields: &[ $( $crate::configuration::document::shape::FieldShape {
                        name: $wire,
                        doc: concat!($($field_doc),+).trim_ascii_start(),
                        presence: document!(@presence $presence),
                        each: document!(@perhaps $($each)?),
                        form: <$type as $crate::configuration::document::value::FieldValue>::FORM,
                        range: document!(@perhaps $($range)?),
                        default: document!(@default $presence $type),
                    } ),+ ],
                };
        }

        impl $crate::configuration::document::value::FieldValue for $name {
            const FORM: $crate::configuration::document::shape::Form =
                $crate::configuration::document::shape::Form::Object(
                    &<Self as $crate::configuration::document::value::DocumentShape>::SHAPE,
                );

            fn read(
                value: &serde_json::Value,
                reader: &mut $crate::configuration::document::reader::Reader,
            ) -> Option<Self> {
                let object = reader.object(
                    value,
                    &<Self as $crate::configuration::document::value::DocumentShape>::SHAPE,
                )?;
                $( let $field = reader.$presence(object, $wire); )+
                let document = Self { $( $field: $field? ),+ };
                reader.examine(&document);
                Some(document)
            }

            fn write(&self) -> serde_json::Value {
                let mut object = serde_json::Map::new();
                $(
                    if let Some(value) =
                        $crate::configuration::document::value::written::$presence(&self.$field)
                    {
                        object.insert($wire.to_owned(), value);
                    }
                )+
                serde_json::Value::Object(object)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::configuration::document::value::FieldValue::write(self).serialize(serializer)
            }
        }
    };
}

/// Gives enums their words in JSON and XML, all variants in their order.
macro_rules! words {
    ($( $name:ident { $( $variant:ident = $word:literal ),+ $(,)? } )+) => { $(
        impl $crate::configuration::document::value::Word for $name {
            const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];
            const WORDS: &'static [&'static str] = &[ $( $word ),+ ];
            fn word(self) -> &'static str {
                match self {
                    $( Self::$variant => $word ),+
                }
            }
        }

        impl $crate::configuration::document::value::FieldValue for $name {
            const FORM: $crate::configuration::document::shape::Form =
                $crate::configuration::document::shape::Form::Word(
                    <Self as $crate::configuration::document::value::Word>::WORDS,
                );
            fn read(
                value: &serde_json::Value,
                reader: &mut $crate::configuration::document::reader::Reader,
            ) -> Option<Self> {
                reader.word(value)
            }
            fn write(&self) -> serde_json::Value {
                $crate::configuration::document::value::Word::word(*self).into()
            }
        }
    )+ };
}

pub(crate) use document;
pub(crate) use words;
