//! Uploads in parts: parts are stored as they come, in any order, and are put together at the end.
//!
//! An upload and its parts are records of the bucket, so that they survive a restart. A part's
//! content is not committed. It is charged like any. A release keeps it while the upload is open.
//! Parts that are replaced, aborted, or not under the tree of the completed object are recorded to
//! be released.

mod assemble;

pub use assemble::Assembled;

use crate::content::Padding;
use crate::error::ObjectError;
use crate::index::change::Change;
use crate::index::room::{self, UPLOADS};
use crate::index::{Condition, Index};
use crate::name::{MAX_NAME_BYTES, ObjectName, Space};
use crate::record::{Attributes, ObjectRecord, now_s};
use cairn_bucket::{Bucket, Ingested, ObjectContent, ObjectRecordEntry, ProveError};
use cairn_primitives::H256;
use codec::{Decode, DecodeAll, Encode};

/// The space of parts, by the upload's id and the part's number.
const PARTS: u8 = b'q';
/// The most parts of an upload, as in S3.
pub const MAX_PARTS: u16 = 10_000;
/// The least bytes of a part that is not the last, as in S3: 5 MiB.
pub const MIN_PART_BYTES: u64 = 5 << 20;
/// The most uploads that are open in a bucket at once.
const MAX_UPLOADS: usize = 1_000;
/// Bytes of an id in text.
const ID_BYTES: usize = 32;

/// An upload to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// The key of the object to be.
    pub name: ObjectName,
    /// Its attributes.
    pub attributes: Attributes,
}

/// An open upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its id: 32 hex digits.
    pub id: String,
    /// The key of the object to be.
    pub name: ObjectName,
    /// Its attributes.
    pub attributes: Attributes,
    /// The time at which it was begun, in seconds since 1970.
    pub begun_s: u64,
}

/// A part that was uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Part {
    /// Its number, from 1.
    pub number: u16,
    /// Root of its chunk tree.
    pub data_root: H256,
    /// Its length in bytes.
    pub size: u64,
    /// The time at which it was uploaded, in seconds since 1970.
    pub modified_s: u64,
}

impl Part {
    const fn content(&self) -> ObjectContent {
        ObjectContent {
            data_root: self.data_root,
            size: self.size,
        }
    }
}

/// A part as a client names it to put an object together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartGiven {
    /// Its number.
    pub number: u16,
    /// Its data root.
    pub data_root: H256,
}

/// The uploads in parts of an open bucket. Their objects are keys.
#[derive(Clone, Copy)]
pub struct Uploads<'b> {
    bucket: &'b Bucket,
}

impl<'b> Uploads<'b> {
    /// Returns the uploads of a bucket.
    pub const fn new(bucket: &'b Bucket) -> Self {
        Self { bucket }
    }

    /// Begins an upload, durably, under an id of the caller's, which nobody can guess.
    ///
    /// # Errors
    ///
    /// [`ObjectError::TooManyUploads`], [`ObjectError::IndexFull`], or the database's failure.
    pub fn begin(&self, id: [u8; 16], new: &NewUpload) -> Result<Upload, ObjectError> {
        let upload = Upload {
            id: hex_of(&id),
            name: new.name.clone(),
            attributes: new.attributes.clone(),
            begun_s: now_s(),
        };
        Change::run(self.bucket, |change| {
            let open = self.bucket.object_records_from(UPLOADS, b"")?;
            let open = open.take(MAX_UPLOADS).count();
            if open >= MAX_UPLOADS {
                let bucket = self.bucket.id();
                return Err(ObjectError::TooManyUploads { bucket, open });
            }
            let value = (upload.name.as_str(), &upload.attributes, upload.begun_s).encode();
            change.count_upload(room::record_bytes(upload.id.len(), value.len()));
            change.check_room(0, 0)?;
            change.changes.put(UPLOADS, upload.id.as_bytes(), value);
            Ok(upload)
        })
    }

    /// Returns an open upload of a key.
    ///
    /// # Errors
    ///
    /// [`ObjectError::NoSuchUpload`] if there is none, or it is of another key.
    pub fn get(&self, id: &str, name: &str) -> Result<Upload, ObjectError> {
        let absent = || ObjectError::NoSuchUpload {
            id: id.chars().take(MAX_NAME_BYTES).collect(),
        };
        if id.len() != ID_BYTES {
            return Err(absent());
        }
        let value = self.bucket.object_record(UPLOADS, id.as_bytes())?;
        let upload = self.parse(id, &value.ok_or_else(absent)?)?;
        match upload.name.as_str() == name {
            true => Ok(upload),
            false => Err(absent()),
        }
    }

    fn parse(&self, id: &str, mut value: &[u8]) -> Result<Upload, ObjectError> {
        let parsed = <(String, Attributes, u64)>::decode_all(&mut value).ok();
        let upload = parsed.and_then(|(name, attributes, begun_s)| {
            Some(Upload {
                id: id.to_owned(),
                name: ObjectName::key(name).ok()?,
                attributes,
                begun_s,
            })
        });
        upload.ok_or_else(|| self.unreadable(id))
    }

    fn unreadable(&self, id: &str) -> ObjectError {
        ObjectError::Unreadable {
            bucket: self.bucket.id(),
            name: id.to_owned(),
        }
    }

    /// Returns the open uploads, in the order of their ids: at most 1,000.
    ///
    /// # Errors
    ///
    /// [`ObjectError`] if a record cannot be read.
    pub fn list(&self) -> Result<Vec<Upload>, ObjectError> {
        let entries = self.bucket.object_records_from(UPLOADS, b"")?;
        let uploads = entries.take(MAX_UPLOADS).map(|entry| {
            let (id, value) = entry?;
            self.parse(&String::from_utf8_lossy(&id), &value)
        });
        uploads.collect()
    }

    /// Records a part whose content is stored, durably. It replaces one of the same number.
    ///
    /// # Errors
    ///
    /// [`ObjectError::NoSuchUpload`]; [`ObjectError::WrongPart`] for a number that is none, or if a
    /// release has removed the content; [`ObjectError::IndexFull`], or the database's failure.
    pub fn put_part(
        &self,
        upload: &Upload,
        number: u16,
        content: &Ingested,
    ) -> Result<Part, ObjectError> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(ObjectError::WrongPart { number });
        }
        let part = Part {
            number,
            data_root: content.data_root,
            size: content.data_size,
            modified_s: now_s(),
        };
        Change::run(self.bucket, |change| {
            // It may have been aborted while the part was on its way.
            self.get(&upload.id, upload.name.as_str())?;
            if !change.keep(&part.content())? {
                return Err(ObjectError::WrongPart { number });
            }
            let (name, value) = (part_name(&upload.id, number), part.encode());
            match self.bucket.object_record(PARTS, &name)? {
                None => {
                    change.count_upload(room::record_bytes(name.len(), value.len()));
                    change.check_room(0, 0)?;
                }
                Some(replaced) => {
                    let replaced = Part::decode_all(&mut &replaced[..]).ok();
                    let replaced = replaced.map(|replaced| replaced.content());
                    if let Some(replaced) = replaced.filter(|before| *before != part.content()) {
                        change.forget(&replaced)?;
                    }
                }
            }
            change.changes.put(PARTS, &name, value);
            Ok(part)
        })
    }

    /// Returns the parts of an upload by their numbers: at most 10,000.
    ///
    /// # Errors
    ///
    /// [`ObjectError`] if a record cannot be read.
    pub fn parts(&self, upload: &Upload) -> Result<Vec<Part>, ObjectError> {
        let parts = self.part_records(upload)?.map(|entry| {
            let (_, value) = entry?;
            let part = Part::decode_all(&mut &value[..]);
            part.map_err(|_| self.unreadable(&upload.id))
        });
        parts.collect()
    }

    /// Iterates over the records of an upload's parts.
    fn part_records(
        &self,
        upload: &Upload,
    ) -> Result<impl Iterator<Item = Result<ObjectRecordEntry, ProveError>> + use<'b>, ObjectError>
    {
        let id = upload.id.clone().into_bytes();
        let entries = self.bucket.object_records_from(PARTS, &id)?;
        Ok(entries.take_while(move |entry| match entry {
            Ok((name, _)) => name.starts_with(&id),
            Err(_) => true,
        }))
    }

    /// Forgets an upload and its parts, durably. Their content stays until a release removes it.
    ///
    /// # Errors
    ///
    /// [`ObjectError::NoSuchUpload`], or the database's failure.
    pub fn abort(&self, upload: &Upload) -> Result<(), ObjectError> {
        Change::run(self.bucket, |change| {
            self.get(&upload.id, upload.name.as_str())?;
            self.forget_in(change, upload, None)
        })
    }

    /// Removes the records of an upload, and records the content to release that is not under the
    /// tree of the object that it has become.
    fn forget_in(
        &self,
        change: &mut Change<'_, '_>,
        upload: &Upload,
        completed: Option<&ObjectRecord>,
    ) -> Result<(), ObjectError> {
        let mut parts = Vec::new();
        for entry in self.part_records(upload)? {
            let (name, value) = entry?;
            change.uncount_upload(room::record_bytes(name.len(), value.len()));
            change.changes.delete(PARTS, &name);
            // One that cannot be read must not keep the upload open.
            parts.extend(Part::decode_all(&mut &value[..]));
        }
        if let Some(object) = completed {
            parts = assemble::outside(parts, object);
        }
        for part in &parts {
            change.forget(&part.content())?;
        }
        let value = self.bucket.object_record(UPLOADS, upload.id.as_bytes())?;
        let bytes = room::record_bytes(upload.id.len(), value.map_or(0, |value| value.len()));
        change.uncount_upload(bytes);
        change.changes.delete(UPLOADS, upload.id.as_bytes());
        Ok(())
    }

    /// Sets the record of an upload's key and forgets the upload, in one durable write.
    ///
    /// # Errors
    ///
    /// As [`Index::put`]; [`ObjectError::NoSuchUpload`] if it is not open any more.
    pub fn complete(
        &self,
        upload: &Upload,
        record: &ObjectRecord,
        condition: Condition,
    ) -> Result<(), ObjectError> {
        Change::run(self.bucket, |change| {
            self.get(&upload.id, upload.name.as_str())?;
            // First, since it makes room.
            self.forget_in(change, upload, Some(record))?;
            let index = Index::new(self.bucket, Space::Keys);
            index.put_in(change, &upload.name, record, condition)?;
            Ok(())
        })
    }

    /// Puts the parts that a client names together to one content, and returns its leaves, which
    /// are to be committed.
    ///
    /// If all parts but the last are whole chunks, nothing is copied: the chunks are put under one
    /// tree. Otherwise all is read and stored again.
    ///
    /// # Errors
    ///
    /// [`ObjectError`] if the parts are not what was uploaded, or cannot be put together.
    pub fn assemble(
        &self,
        upload: &Upload,
        given: &[PartGiven],
        padding: Padding,
    ) -> Result<Assembled, ObjectError> {
        let parts = self.parts(upload)?;
        assemble::assemble(self.bucket, &parts, given, padding)
    }
}

fn part_name(id: &str, number: u16) -> Vec<u8> {
    [id.as_bytes(), &number.to_be_bytes()].concat()
}

fn hex_of(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
