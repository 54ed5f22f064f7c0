//! The encodings of files: everything behind here is UTF-8, and every piece of it knows how many bytes of the
//! file it came from, so that places in a file stay exact.

use std::borrow::Cow;
use std::io::{self, Read};

use encoding_rs::WINDOWS_1252;

/// How many bytes are read at once.
const CHUNK: usize = 256 * 1024;

/// Stands for what cannot be decoded; no text holds it, so its record is seen to be damaged.
const UNDECODABLE: u8 = 0xff;

/// The encoding as the properties name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EncodingChoice {
    Fixed(Encoding),
    /// UTF-16 in the order that the byte order mark says.
    Utf16ByMark,
}

/// The encoding of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    /// Also serves ISO-8859-1, of which it is the superset that such files are in practice.
    Windows1252,
    Utf16(ByteOrder),
}

/// Which byte of a pair comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const LITTLE_MARK: &[u8] = b"\xff\xfe";
const BIG_MARK: &[u8] = b"\xfe\xff";

impl EncodingChoice {
    /// The encoding of a file that begins with these bytes, and the length of its byte order mark.
    pub(crate) fn resolve(self, beginning: &[u8]) -> Result<(Encoding, usize), &'static str> {
        let begins = |mark: &[u8]| beginning.starts_with(mark);
        let utf16 = |order| (Encoding::Utf16(order), LITTLE_MARK.len());
        match self {
            Self::Fixed(Encoding::Utf8) if begins(UTF8_MARK) => Ok((Encoding::Utf8, UTF8_MARK.len())),
            Self::Fixed(Encoding::Utf8) if begins(LITTLE_MARK) || begins(BIG_MARK) => {
                Err("begins with the byte order mark of UTF-16; set the property `encoding` to `UTF-16`")
            }
            Self::Fixed(Encoding::Windows1252) if begins(UTF8_MARK) => {
                Err("begins with the byte order mark of UTF-8; set the property `encoding` to `UTF-8`")
            }
            Self::Fixed(Encoding::Utf16(ByteOrder::Little)) | Self::Utf16ByMark if begins(LITTLE_MARK) => {
                Ok(utf16(ByteOrder::Little))
            }
            Self::Fixed(Encoding::Utf16(ByteOrder::Big)) | Self::Utf16ByMark if begins(BIG_MARK) => {
                Ok(utf16(ByteOrder::Big))
            }
            Self::Utf16ByMark if beginning.is_empty() => Ok((Encoding::Utf16(ByteOrder::Little), 0)),
            Self::Utf16ByMark => {
                Err("has no byte order mark; set the property `encoding` to `UTF-16LE` or `UTF-16BE`")
            }
            Self::Fixed(encoding) => Ok((encoding, 0)),
        }
    }

    /// The encoding of a new file, and the byte order mark to begin it with.
    pub(crate) fn for_new_file(self) -> (Encoding, &'static [u8]) {
        match self {
            Self::Fixed(encoding) => (encoding, b""),
            Self::Utf16ByMark => (Encoding::Utf16(ByteOrder::Little), LITTLE_MARK),
        }
    }
}

impl Encoding {
    /// How many bytes of the file a decoded piece came from.
    pub(crate) fn source_len(self, decoded: &[u8]) -> u64 {
        let sum = |len: fn(u8) -> u64| decoded.iter().map(|byte| len(*byte)).sum();
        match self {
            Self::Utf8 => decoded.len() as u64,
            Self::Windows1252 => sum(|byte| u64::from(!is_continuation(byte))),
            Self::Utf16(_) => sum(|byte| match byte {
                0xf0..=0xf4 => 4,
                _ if is_continuation(byte) => 0,
                _ => 2,
            }),
        }
    }

    /// A text in this encoding; `None` when it has characters that the encoding lacks.
    pub(crate) fn encode(self, text: &str) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Utf8 => Some(Cow::Borrowed(text.as_bytes())),
            Self::Windows1252 => {
                let (bytes, _, lacking) = WINDOWS_1252.encode(text);
                (!lacking).then_some(bytes)
            }
            Self::Utf16(order) => Some(text.encode_utf16().flat_map(|unit| order.bytes(unit)).collect()),
        }
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

impl ByteOrder {
    fn unit(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn bytes(self, unit: u16) -> [u8; 2] {
        match self {
            Self::Little => unit.to_le_bytes(),
            Self::Big => unit.to_be_bytes(),
        }
    }
}

/// Whether more may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    More,
    End,
}

/// Reads a file piece by piece as UTF-8.
pub(crate) struct Decoder<R> {
    input: R,
    encoding: Encoding,
    /// Bytes read and not decoded yet: the halves of a character at the end of a chunk.
    pending: Vec<u8>,
    torn: bool,
}

impl<R: Read> Decoder<R> {
    /// `input` stands at the beginning of a character.
    pub(crate) fn new(input: R, encoding: Encoding) -> Self {
        Self { input, encoding, pending: Vec::new(), torn: false }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether the input ended in the middle of a character of UTF-16.
    pub(crate) fn is_torn(&self) -> bool {
        self.torn
    }

    /// Puts the next piece at the end of `text`.
    pub(crate) fn fill(&mut self, text: &mut Vec<u8>) -> io::Result<Filled> {
        match self.encoding {
            Encoding::Utf8 => read_chunk(&mut self.input, text),
            Encoding::Windows1252 => {
                self.pending.clear();
                let filled = read_chunk(&mut self.input, &mut self.pending)?;
                let (decoded, _) = WINDOWS_1252.decode_without_bom_handling(&self.pending);
                text.extend_from_slice(decoded.as_bytes());
                Ok(filled)
            }
            Encoding::Utf16(order) => {
                let filled = read_chunk(&mut self.input, &mut self.pending)?;
                self.decode_utf16(order, filled, text);
                Ok(filled)
            }
        }
    }

    fn decode_utf16(&mut self, order: ByteOrder, filled: Filled, text: &mut Vec<u8>) {
        let (pairs, odd) = self.pending.as_chunks::<2>();
        let mut units: Vec<u16> = pairs.iter().map(|pair| order.unit(*pair)).collect();
        let begins_pair = |unit: &u16| (0xd800..0xdc00).contains(unit);
        match filled {
            Filled::End => self.torn = !odd.is_empty(),
            Filled::More if units.last().is_some_and(begins_pair) => {
                units.pop();
            }
            Filled::More => {}
        }
        for decoded in char::decode_utf16(units.iter().copied()) {
            match decoded {
                Ok(character) => text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(_) => text.push(UNDECODABLE),
            }
        }
        self.pending.drain(..units.len() * 2);
    }
}

fn read_chunk(input: &mut impl Read, into: &mut Vec<u8>) -> io::Result<Filled> {
    let before = into.len();
    into.resize(before + CHUNK, 0);
    let read = loop {
        match input.read(&mut into[before..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    into.truncate(before + *read.as_ref().unwrap_or(&0));
    Ok(if read? == 0 { Filled::End } else { Filled::More })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 4] = [
        Encoding::Utf8,
        Encoding::Windows1252,
        Encoding::Utf16(ByteOrder::Little),
        Encoding::Utf16(ByteOrder::Big),
    ];

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(into.len()).min(1);
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn decode(bytes: &[u8], encoding: Encoding) -> (Vec<u8>, bool) {
        let mut decoder = Decoder::new(Slow(bytes), encoding);
        let mut text = Vec::new();
        while decoder.fill(&mut text).unwrap() == Filled::More {}
        (text, decoder.is_torn())
    }

    #[test]
    fn texts_survive_each_encoding_and_know_their_length() {
        for encoding in ALL {
            for text in ["", "abc", "Zoë €", "Łukasz 李 😀"] {
                let Some(bytes) = encoding.encode(text) else {
                    assert_eq!((encoding, text), (Encoding::Windows1252, "Łukasz 李 😀"));
                    continue;
                };
                assert_eq!(decode(&bytes, encoding), (text.as_bytes().to_vec(), false), "{encoding:?}");
                assert_eq!(encoding.source_len(text.as_bytes()), bytes.len() as u64, "{encoding:?} {text}");
            }
        }
    }

    #[test]
    fn lone_halves_are_undecodable_and_keep_their_length() {
        let encoding = Encoding::Utf16(ByteOrder::Big);
        for (bytes, text, torn) in [
            (&b"\xd8\x00\x00a"[..], &b"\xffa"[..], false),
            (b"\x00a\xd8\x00", b"a\xff", false),
            (b"\xdc\x00", b"\xff", false),
            (b"\x00a\x00", b"a", true),
        ] {
            assert_eq!(decode(bytes, encoding), (text.to_vec(), torn));
            assert_eq!(encoding.source_len(text), (bytes.len() - usize::from(torn)) as u64);
        }
    }

    #[test]
    fn byte_order_marks_are_recognized() {
        use EncodingChoice::{Fixed, Utf16ByMark};
        let (little, big) = (Encoding::Utf16(ByteOrder::Little), Encoding::Utf16(ByteOrder::Big));
        for (choice, beginning, expected) in [
            (Fixed(Encoding::Utf8), &b"\xef\xbb\xbfid"[..], Ok((Encoding::Utf8, 3))),
            (Fixed(Encoding::Utf8), b"id", Ok((Encoding::Utf8, 0))),
            (Fixed(Encoding::Utf8), b"\xff\xfei\0", Err(())),
            (Fixed(Encoding::Windows1252), b"\xef\xbb\xbfid", Err(())),
            (Fixed(little), b"\xff\xfei\0", Ok((little, 2))),
            (Fixed(little), b"i\0d\0", Ok((little, 0))),
            (Utf16ByMark, b"\xff\xfei\0", Ok((little, 2))),
            (Utf16ByMark, b"\xfe\xff\0i", Ok((big, 2))),
            (Utf16ByMark, b"i\0", Err(())),
            (Utf16ByMark, b"", Ok((little, 0))),
        ] {
            assert_eq!(choice.resolve(beginning).map_err(|_| ()), expected, "{choice:?} {beginning:?}");
        }
    }
}
