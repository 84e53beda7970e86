//! Where a command works: in the base path, or by a provider that runs, over its
//! RPC. The one place that chooses.

use crate::args::Globals;
use crate::commands::run::address_file;
use crate::failure::Failure;
use crate::home;
use crate::remote::{self, Client};
use crate::shown::shown;
use crate::token_file;
use cairn_node_ext::{Access, BasePath, BasePathError};
use std::path::{Path, PathBuf};

/// Names the provider to ask where no flag does. Not an argument of clap's, so
/// that commands that work on files alone are not stopped by it.
const VARIABLE: &str = "CAIRN_RPC";
/// The commands that a provider can be asked for.
pub(crate) const TAKE_RPC: &str =
    "put, get, prove, status and bucket list, info, create, delete, prune and export";

/// Where a command works.
pub(crate) enum Backend {
    /// In the base path, which nobody else works in.
    Local(BasePath),
    /// By a provider that runs.
    Remote(Remote),
}

/// A provider that runs, and how it was found.
pub(crate) struct Remote {
    pub(crate) client: Client,
    /// Whether it has the base path, and so is on this machine.
    is_here: bool,
    /// The keys of which one is to have signed what it signs, where they are known.
    signers: Option<Vec<[u8; 32]>>,
}

impl Globals {
    /// Takes the base path as it is there, or asks who has it.
    pub(crate) fn backend(&self, access: Access) -> Result<Backend, Failure> {
        self.choose(|| self.open(access))
    }

    /// Takes the base path for writing, and makes it where it is not there; or
    /// asks who has it.
    pub(crate) fn backend_to_create(&self) -> Result<Backend, Failure> {
        self.choose(|| self.create())
    }

    fn choose(&self, take: impl FnOnce() -> Result<BasePath, Failure>) -> Result<Backend, Failure> {
        if let Some(url) = self.named()? {
            return self.there(&url).map(Backend::Remote);
        }
        match take() {
            Ok(base) => Ok(Backend::Local(base)),
            Err(Failure::BasePath(BasePathError::Locked { path })) => holder(path),
            Err(failure) => Err(failure),
        }
    }

    /// The provider at an address that was named. Where it is the one that the base
    /// path's own provider has left, so are the token and the keys.
    fn there(&self, url: &str) -> Result<Remote, Failure> {
        let base = home::base_path(self.base_path.as_ref()).ok();
        let own = base.filter(|base| address_file::read(base).as_deref() == Some(url));
        let token = match (&self.rpc_token_file, &own) {
            (Some(file), _) => Some(token_file::read(file)?),
            (None, Some(base)) => token_file::left_in(base),
            (None, None) => None,
        };
        let client = Client::connect(url, token.as_ref())?;
        let signers = match (self.provider, own) {
            (Some(key), _) => Some(vec![key]),
            (None, Some(base)) => BasePath::keys_in(&base).list().ok(),
            (None, None) => None,
        };
        Ok(Remote {
            client,
            is_here: false,
            signers: signers.filter(|keys| !keys.is_empty()),
        })
    }

    /// The provider that is to be asked by the flag or the environment.
    fn named(&self) -> Result<Option<String>, Failure> {
        if self.rpc.is_some() {
            return Ok(self.rpc.clone());
        }
        let given = std::env::var(VARIABLE).unwrap_or_default();
        if given.trim().is_empty() {
            return Ok(None);
        }
        let url = remote::url(&given);
        url.map(Some)
            .map_err(|reason| Failure::Usage(format!("{VARIABLE}: {reason}")))
    }
}

/// The provider that has a base path, if it is one and is reached.
fn holder(path: PathBuf) -> Result<Backend, Failure> {
    let left = address_file::read(&path);
    let locked = BasePathError::Locked { path: path.clone() };
    let Some(url) = left else {
        return Err(locked.into());
    };
    tracing::info!(base_path = %path.display(), %url, "the base path is locked: its provider is asked");
    match reach(&path, &url) {
        Ok(remote) => Ok(Backend::Remote(remote)),
        Err(failure) => Err(Failure::Failed(format!("{locked}; {failure}"))),
    }
}

/// Reaches the provider that has left its address. One that was killed leaves it
/// too, and another's may listen there since: that one is not meant.
fn reach(path: &Path, url: &str) -> Result<Remote, Failure> {
    let token = token_file::left_in(path);
    let client = Client::connect(url, token.as_ref())?;
    let keys = BasePath::keys_in(path).list()?;
    if client.is_one_of(&keys)? {
        return Ok(Remote {
            client,
            is_here: true,
            signers: Some(keys),
        });
    }
    Err(Failure::Failed(format!(
        "another provider answers at {url}, where the one of this base path was last"
    )))
}

impl Remote {
    /// The keys of which one is to have signed. A promise of anybody is worth
    /// nothing: no chain takes it from another key than the provider's.
    pub(crate) fn signers(&self) -> Result<&[[u8; 32]], Failure> {
        self.signers.as_deref().ok_or_else(|| {
            Failure::Usage(
                "whose signature the promise needs is not known: name the provider's key with \
                 --provider, as the chain has it"
                    .to_owned(),
            )
        })
    }

    /// Whether it has the base path that is meant here.
    pub(crate) const fn is_here(&self) -> bool {
        self.is_here
    }

    /// A path on the provider's machine. What is meant from a folder of this
    /// machine is found there only if they are one.
    pub(crate) fn path(&self, path: &Path) -> Result<String, Failure> {
        let absolute = match path.is_absolute() {
            true => Ok(path.to_owned()),
            false if self.is_here => std::path::absolute(path),
            false => {
                return Err(Failure::Usage(format!(
                    "{} is to be a path on the provider's machine: begin it with /",
                    shown(path)
                )));
            }
        };
        let absolute = absolute.map_err(|source| Failure::file("find", path, source))?;
        absolute.into_os_string().into_string().map_err(|path| {
            Failure::Usage(format!(
                "{} cannot be told to the provider, since it is no Unicode",
                shown(Path::new(&path))
            ))
        })
    }
}
