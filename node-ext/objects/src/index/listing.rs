//! Listings as S3 has them: names with a prefix, grouped by a delimiter, in pages.
//!
//! A page ends with a name or a group, and the next one begins after all of it. Today's provider
//! continues after the last name of a page, so that it repeats the groups after it, and never ends
//! if a page has nothing else.

use super::{Index, token};
use crate::error::ObjectError;
use crate::record::ObjectRecord;

/// The most names and groups of a page: 1,000, as in S3.
const MAX_LISTED: u32 = 1_000;
/// A byte above any of a name's, which is UTF-8.
const ABOVE: u8 = 0xff;

/// A request for a page of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListRequest<'r> {
    /// The beginning of all names.
    pub prefix: &'r str,
    /// Names are grouped by what they have up to this after the prefix.
    pub delimiter: Option<&'r str>,
    /// Only names after this one.
    pub start_after: Option<&'r str>,
    /// Where the last page ended, by its [`Listing::next`].
    pub token: Option<&'r str>,
    /// The most names and groups, 1,000 if it is 0 or more.
    pub most: u32,
}

/// A name or a group of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A name with its record.
    Object(String, Box<ObjectRecord>),
    /// A group, by what its names begin with.
    Group(String),
}

/// A page of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The names and groups, in order.
    pub listed: Vec<Listed>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
}

impl ListRequest<'_> {
    /// Returns the group that a name belongs to, if it does.
    fn group_of<'n>(&self, name: &'n str) -> Option<&'n str> {
        let delimiter = self.delimiter.filter(|delimiter| !delimiter.is_empty())?;
        let rest = name.strip_prefix(self.prefix)?;
        let end = rest.find(delimiter)?.saturating_add(delimiter.len());
        name.get(..self.prefix.len().saturating_add(end))
    }

    /// Returns the first name that may be in the page, if the last one has ended with `token`.
    fn from(&self, token: Option<&str>) -> Vec<u8> {
        let after = |name: &str| [name.as_bytes(), &[0]].concat();
        let start_after = self.start_after.map(after);
        let token = token.map(|token| match self.group_of(token) {
            Some(group) => past(group),
            None => after(token),
        });
        let starts = [start_after, token];
        let latest = starts.into_iter().flatten().max().unwrap_or_default();
        latest.max(self.prefix.as_bytes().to_vec())
    }
}

/// Returns what is after all names that begin with `prefix`.
fn past(prefix: &str) -> Vec<u8> {
    [prefix.as_bytes(), &[ABOVE]].concat()
}

/// A name with its record.
pub(super) type Entry = (String, ObjectRecord);

impl<'b> Index<'b> {
    /// Iterates over names and records from a name on.
    pub(super) fn records_from(
        &self,
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<Entry, ObjectError>> + use<'b>, ObjectError> {
        let index = *self;
        let entries = self.bucket.object_records_from(self.space.tag(), from)?;
        Ok(entries.map(move |entry| {
            let (name, value) = entry?;
            let name = String::from_utf8(name).map_err(|name| ObjectError::Unreadable {
                bucket: index.bucket.id(),
                name: String::from_utf8_lossy(name.as_bytes()).into_owned(),
            })?;
            let record = index.parse(&name, &value)?;
            Ok((name, record))
        }))
    }

    /// Lists a page of names. Skips the names of a group in one step, however many there are.
    /// Leaves out and logs a name whose record cannot be read: it is no fault of the others.
    ///
    /// # Errors
    ///
    /// [`ObjectError::Token`], or the database's failure.
    pub fn list(&self, request: &ListRequest<'_>) -> Result<Listing, ObjectError> {
        let most = match request.most {
            0 => MAX_LISTED,
            most => most.min(MAX_LISTED),
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut page = Listing::default();
        let token = request.token.map(|token| token::parse(self.space, token));
        let mut from = request.from(token.transpose()?.as_deref());
        'from: loop {
            for entry in self.bucket.object_records_from(self.space.tag(), &from)? {
                let (name, value) = entry?;
                if !name.starts_with(request.prefix.as_bytes()) {
                    break 'from;
                }
                let Some(listed) = self.listed(request, name, &value) else {
                    continue;
                };
                if page.listed.len() >= most {
                    let last = page.listed.last().map(Listed::name);
                    page.next = last.map(|name| token::list_token(self.space, name));
                    break 'from;
                }
                let after_group = match &listed {
                    Listed::Group(group) => Some(past(group)),
                    Listed::Object(..) => None,
                };
                page.listed.push(listed);
                if let Some(after) = after_group {
                    from = after;
                    continue 'from;
                }
            }
            break;
        }
        Ok(page)
    }

    /// Returns how a record is listed, or `None` if it cannot be read.
    fn listed(&self, request: &ListRequest<'_>, name: Vec<u8>, value: &[u8]) -> Option<Listed> {
        let unreadable = |name: &str| {
            let bucket = self.bucket.id();
            tracing::warn!(%bucket, name, "an object is not listed: its record cannot be read");
        };
        let name = String::from_utf8(name)
            .map_err(|name| unreadable(&String::from_utf8_lossy(name.as_bytes())))
            .ok()?;
        if let Some(group) = request.group_of(&name) {
            return Some(Listed::Group(group.to_owned()));
        }
        let record = self.parse(&name, value);
        let record = record.map_err(|_| unreadable(&name)).ok()?;
        Some(Listed::Object(name, Box::new(record)))
    }
}

impl Listed {
    /// Returns the name, or what the names of the group begin with.
    pub fn name(&self) -> &str {
        match self {
            Self::Object(name, _) | Self::Group(name) => name,
        }
    }
}
