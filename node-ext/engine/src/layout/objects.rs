//! Keys of the records of objects: names that clients give to content. Their values are built
//! and parsed by `cairn-objects`.

/// Prefix of the keys of object records, in the tree family.
pub const OBJECTS: &[u8] = b"o";

/// Returns the prefix of the keys of one space. Each space is a directory of its own.
pub fn object_prefix(space: u8) -> [u8; 2] {
    [b'o', space]
}

/// Returns the key of an object's record. Records of one space sort as their names do.
pub fn object_key(space: u8, name: &[u8]) -> Vec<u8> {
    [&object_prefix(space), name].concat()
}

/// Parses the space and the name from the key of an object's record.
pub fn parse_object_key(key: &[u8]) -> Option<(u8, &[u8])> {
    match key {
        [b'o', space, name @ ..] => Some((*space, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_object_is_its_space_and_its_name() {
        assert_eq!(object_key(b'k', b"a/b"), b"oka/b");
        assert_eq!(parse_object_key(b"oka/b"), Some((b'k', &b"a/b"[..])));
        assert_eq!(parse_object_key(b"ok"), Some((b'k', &b""[..])));
        assert_eq!(parse_object_key(b"o"), None);
        assert_eq!(parse_object_key(b"lka"), None);
    }
}
