//! Chooses where a command is executed: in the base path, or by a running provider
//! over its RPC.

use crate::address_file;
use crate::escaped_path::escaped;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::remote::{self, Client};
use crate::{data_dir, token_file};
use cairn_bucket::{BasePath, BasePathError};
use cairn_engine::Access;
use std::path::{Path, PathBuf};

/// The environment variable with a provider's URL, if no flag names one. It is not an
/// argument of clap's: commands that work on files only would then be refused.
const RPC_VARIABLE: &str = "CAIRN_RPC";
/// The commands that a running provider can execute.
pub(crate) const RPC_COMMANDS: &str =
    "put, get, prove, status, doctor and bucket list, info, create, delete, prune and export";

/// Where a command is executed.
pub(crate) enum Backend {
    /// In the base path, which this process has locked.
    Local(BasePath),
    /// By a running provider.
    Remote(Remote),
}

/// A running provider, and how it was found.
pub(crate) struct Remote {
    pub(crate) client: Client,
    /// True if it was found by the base path, and so runs on this machine.
    has_own_base_path: bool,
    /// The keys that its signatures may be of, if they are known.
    signers: Option<Vec<[u8; 32]>>,
}

impl Globals {
    /// Opens the base path, which must exist, or connects to the provider that has
    /// locked it.
    pub(crate) fn backend(&self, access: Access) -> Result<Backend, Failure> {
        self.local_or_remote(|| self.open(access))
    }

    /// Opens the base path for writing, and creates it if it does not exist; or
    /// connects to the provider that has locked it.
    pub(crate) fn backend_to_create(&self) -> Result<Backend, Failure> {
        self.local_or_remote(|| self.create())
    }

    /// Connects to the running provider, and leaves the lock of the base path alone.
    pub(crate) fn running_provider(&self) -> Result<Remote, Failure> {
        if let Some(url) = self.rpc_url()? {
            return self.connect_to(&url);
        }
        let path = data_dir::base_path(self.base_path.as_ref())?;
        let url = address_file::read(&path)
            .ok_or_else(|| Failure::Failed(format!("no provider runs in {}", escaped(&path))))?;
        connect_to_own_provider(&path, &url)
    }

    fn local_or_remote(
        &self,
        take: impl FnOnce() -> Result<BasePath, Failure>,
    ) -> Result<Backend, Failure> {
        if let Some(url) = self.rpc_url()? {
            return self.connect_to(&url).map(Backend::Remote);
        }
        match take() {
            Ok(base) => Ok(Backend::Local(base)),
            Err(Failure::BasePath(BasePathError::Locked { path })) => connect_to_holder(path),
            Err(failure) => Err(failure),
        }
    }

    /// Connects to the provider at a given URL. If the base path's own provider has
    /// left that URL, its token and keys are used too.
    fn connect_to(&self, url: &str) -> Result<Remote, Failure> {
        let base = data_dir::base_path(self.base_path.as_ref()).ok();
        let own = base.filter(|base| address_file::read(base).as_deref() == Some(url));
        let token = match (&self.rpc_token_file, &own) {
            (Some(file), _) => Some(token_file::read(file)?),
            (None, Some(base)) => token_file::read_in_base_path(base),
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
            has_own_base_path: false,
            signers: signers.filter(|keys| !keys.is_empty()),
        })
    }

    /// Returns the provider's URL from the flag or the environment.
    fn rpc_url(&self) -> Result<Option<String>, Failure> {
        if self.rpc.is_some() {
            return Ok(self.rpc.clone());
        }
        let given = std::env::var(RPC_VARIABLE).unwrap_or_default();
        if given.trim().is_empty() {
            return Ok(None);
        }
        let url = remote::url(&given);
        url.map(Some)
            .map_err(|reason| Failure::Usage(format!("{RPC_VARIABLE}: {reason}")))
    }
}

/// Connects to the provider that has locked a base path.
fn connect_to_holder(path: PathBuf) -> Result<Backend, Failure> {
    let left = address_file::read(&path);
    let locked = BasePathError::Locked { path: path.clone() };
    let Some(url) = left else {
        return Err(locked.into());
    };
    tracing::info!(base_path = %path.display(), %url, "the base path is locked; sending the command to its provider");
    match connect_to_own_provider(&path, &url) {
        Ok(remote) => Ok(Backend::Remote(remote)),
        Err(failure) => Err(Failure::Failed(format!("{locked}; {failure}"))),
    }
}

/// Connects to the provider that has left its address. A killed provider leaves it too,
/// and another provider may listen there since: that one is refused.
fn connect_to_own_provider(path: &Path, url: &str) -> Result<Remote, Failure> {
    let token = token_file::read_in_base_path(path);
    let client = Client::connect(url, token.as_ref())?;
    let keys = BasePath::keys_in(path).list()?;
    if client.has_account_in(&keys)? {
        return Ok(Remote {
            client,
            has_own_base_path: true,
            signers: Some(keys),
        });
    }
    Err(Failure::Failed(format!(
        "another provider answers at {url}, the last address of the provider of this base path"
    )))
}

impl Remote {
    /// Returns the keys that a signature may be of. A chain accepts signatures of the
    /// provider's registered key only.
    pub(crate) fn signers(&self) -> Result<&[[u8; 32]], Failure> {
        self.signers.as_deref().ok_or_else(|| {
            Failure::Usage(
                "the provider's key is not known, so its signatures cannot be checked: name the \
                 key that is registered on chain with --provider"
                    .to_owned(),
            )
        })
    }

    /// Returns true if this is the provider of the base path on this machine.
    pub(crate) const fn has_own_base_path(&self) -> bool {
        self.has_own_base_path
    }

    /// Returns a path on the provider's machine. A relative path is resolved only if
    /// the provider runs on this machine.
    pub(crate) fn remote_path(&self, path: &Path) -> Result<String, Failure> {
        let absolute = match path.is_absolute() {
            true => Ok(path.to_owned()),
            false if self.has_own_base_path => std::path::absolute(path),
            false => {
                return Err(Failure::Usage(format!(
                    "{} must be an absolute path on the provider's machine: begin it with /",
                    escaped(path)
                )));
            }
        };
        let absolute = absolute.map_err(|source| Failure::file("find", path, source))?;
        absolute.into_os_string().into_string().map_err(|path| {
            Failure::Usage(format!(
                "{} cannot be sent to the provider: it is not valid Unicode",
                escaped(Path::new(&path))
            ))
        })
    }
}
