//! JSON-RPC, without a transport: requests, subscriptions, and their errors.

use async_trait::async_trait;
use cairn_chain::ChainError;
use cairn_primitives::H256;
use futures::stream::BoxStream;
use serde_json::Value;

/// JSON-RPC's code for a method that the node does not have.
pub(crate) const NO_SUCH_METHOD: i32 = -32601;

/// An error of a request.
#[derive(Clone, Debug)]
pub(crate) enum RpcError {
    /// The node answered with an error.
    Refused {
        code: i32,
        message: String,
        data: String,
    },
    /// The connection is lost, or the answer is no JSON-RPC.
    Lost(String),
}

/// A connection to a node, which may have been lost.
#[async_trait]
pub(crate) trait Rpc: Send + Sync + 'static {
    /// Sends a request.
    async fn request(&self, method: &str, params: Vec<Value>) -> Result<Value, RpcError>;

    /// Subscribes. The stream ends when the connection is lost.
    async fn subscribe(
        &self,
        method: &str,
        params: Vec<Value>,
        unsubscribe: &str,
    ) -> Result<BoxStream<'static, Value>, RpcError>;

    /// Returns whether the connection is still open.
    fn is_open(&self) -> bool;
}

/// Opens connections to one node.
#[async_trait]
pub(crate) trait Connector: Send + Sync + 'static {
    async fn connect(&self) -> Result<Box<dyn Rpc>, ChainError>;
}

impl std::fmt::Display for RpcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused {
                code,
                message,
                data,
            } => write!(f, "{message} ({code}) {data}"),
            Self::Lost(why) => f.write_str(why),
        }
    }
}

impl RpcError {
    /// Maps an error of a request about a block.
    pub(crate) fn about_block(self, at: H256) -> ChainError {
        match &self {
            Self::Refused { message, .. } if message.contains("Exported method") => {
                ChainError::Unsupported(message.clone())
            }
            Self::Refused { code, .. } if *code != NO_SUCH_METHOD => ChainError::NoSuchBlock {
                block: hex::encode(at),
                reason: self.to_string(),
            },
            _ => self.into(),
        }
    }
}

impl From<RpcError> for ChainError {
    /// Maps an error of any other request. A refusal says nothing about the chain's runtime.
    fn from(error: RpcError) -> Self {
        match error {
            RpcError::Refused { .. } => {
                Self::Unreachable(format!("the node refuses the request: {error}"))
            }
            RpcError::Lost(why) => Self::Unreachable(why),
        }
    }
}
