//! How a type that is a string on the wire gets serde, `TryFrom` and a JSON schema from its `FromStr` and `Display`.
//!
//! One macro, so that every identifier is refused in the same way: the reason is the type's own error, and the value
//! itself is never repeated (it may be a citizen number).

/// Implements `Serialize`, `Deserialize`, `JsonSchema`, `TryFrom<&str>` and `TryFrom<String>` for a type that has
/// `FromStr` and `Display`. The schema shows either `pattern`, an ECMA-262 regular expression that is necessary but not
/// sufficient, or the `enumerated` values of a closed list.
macro_rules! wire_string {
    ($type:ident, expecting: $expecting:literal, pattern: $pattern:expr $(,)?) => {
        impl $type {
            /// Regular expression that every value matches (for schemas; parsing checks more).
            pub const PATTERN: &'static str = $pattern;
        }

        $crate::wire_string::wire_string!(@serde $type, $expecting);
        $crate::wire_string::wire_string!(@schema $type, {
            "type": "string",
            "description": $expecting,
            "pattern": $type::PATTERN,
        });
    };
    ($type:ident, expecting: $expecting:literal, enumerated: $values:expr $(,)?) => {
        $crate::wire_string::wire_string!(@serde $type, $expecting);
        $crate::wire_string::wire_string!(@schema $type, {
            "type": "string",
            "description": $expecting,
            "enum": $values.as_slice(),
        });
    };
    (@serde $type:ident, $expecting:literal) => {
        impl TryFrom<&str> for $type {
            type Error = <$type as ::std::str::FromStr>::Err;
            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<String> for $type {
            type Error = <$type as ::std::str::FromStr>::Err;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl ::serde::Serialize for $type {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $type {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl Visitor {
                    fn not_a_string<T, E: ::serde::de::Error>(self, found: &str) -> Result<T, E> {
                        Err(E::invalid_type(::serde::de::Unexpected::Other(found), &self))
                    }
                }
                impl ::serde::de::Visitor<'_> for Visitor {
                    type Value = $type;
                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: ::serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                        let text = if $crate::mutant!("IDN-1") { text.trim() } else { text };
                        text.parse().map_err(E::custom)
                    }
                    fn visit_u64<E: ::serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
                        self.not_a_string("number")
                    }
                    fn visit_i64<E: ::serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
                        self.not_a_string("number")
                    }
                    fn visit_f64<E: ::serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
                        self.not_a_string("number")
                    }
                }
                // Not `deserialize_str`: serde_json's own message for a number would repeat it.
                deserializer.deserialize_any(Visitor)
            }
        }

    };
    (@schema $type:ident, $schema:tt) => {
        impl ::schemars::JsonSchema for $type {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn schema_id() -> ::std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($type)).into()
            }
            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!($schema)
            }
        }
    };
}

pub(crate) use wire_string;
