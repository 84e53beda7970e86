//! Entity tags: the data root in hex, of an object and of a part alike.

use cairn_objects::{Condition, ObjectRecord};
use cairn_primitives::H256;
use s3s::dto::{ETag, ETagCondition};
use s3s::{S3Error, S3ErrorCode, S3Result};

/// Returns the tag of a data root.
pub(crate) fn of_root(root: H256) -> ETag {
    ETag::Strong(hex::encode(root))
}

/// Parses a tag. Clients repeat what they were told.
pub(crate) fn root_of(tag: &ETag) -> Option<H256> {
    let mut root = H256::zero();
    hex::decode_to_slice(tag.value(), &mut root.0).ok()?;
    Some(root)
}

/// Returns the condition under which an object may be written.
pub(crate) fn write_condition(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Any),
        (None, Some(condition)) if condition.is_any() => Ok(Condition::Absent),
        (Some(condition), None) => match condition.as_etag().and_then(root_of) {
            Some(root) => Ok(Condition::Is(root)),
            None => Err(S3Error::new(S3ErrorCode::PreconditionFailed)),
        },
        _ => Err(S3Error::new(S3ErrorCode::NotImplemented)),
    }
}

/// Checks the conditions under which an object is to be read.
pub(crate) fn check_read(
    record: &ObjectRecord,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| {
        condition.is_any() || condition.as_etag().and_then(root_of) == Some(record.data_root)
    };
    if if_match.is_some_and(|condition| !is(condition)) {
        return Err(S3Error::new(S3ErrorCode::PreconditionFailed));
    }
    match if_none_match.is_some_and(is) {
        true => Err(S3Error::new(S3ErrorCode::NotModified)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_data_root_and_nothing_else_is_one() {
        let root = H256::repeat_byte(0xab);
        assert_eq!(root_of(&of_root(root)), Some(root));
        for text in [
            "",
            "d41d8cd98f00b204e9800998ecf8427e",
            "0xab",
            &"ab".repeat(33),
        ] {
            assert_eq!(root_of(&ETag::Strong(text.to_owned())), None);
        }
    }

    #[test]
    fn conditions_are_understood_or_refused() {
        let root = H256::repeat_byte(1);
        let is = ETagCondition::ETag(of_root(root));
        let any = ETagCondition::Any;
        let of = |one: Option<&ETagCondition>, other: Option<&ETagCondition>| {
            write_condition(one, other).ok()
        };
        assert_eq!(of(None, None), Some(Condition::Any));
        assert_eq!(of(None, Some(&any)), Some(Condition::Absent));
        assert_eq!(of(Some(&is), None), Some(Condition::Is(root)));
        assert_eq!(of(Some(&any), None), None);
        assert_eq!(of(None, Some(&is)), None);
        let record = ObjectRecord {
            data_root: root,
            ..ObjectRecord::directory()
        };
        assert!(check_read(&record, Some(&is), None).is_ok());
        assert!(check_read(&record, None, Some(&is)).is_err());
        let other = ETagCondition::ETag(of_root(H256::zero()));
        assert!(check_read(&record, Some(&other), None).is_err());
        assert!(check_read(&record, None, Some(&other)).is_ok());
    }
}
