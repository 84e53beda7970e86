//! A node's word on itself: its health, and the token of its chain. None of it is checked
//! by anybody, so nothing that costs a stake is decided by it.

use crate::node::RpcNode;
use crate::wire;
use cairn_chain::ChainError;
use serde::Deserialize;
use serde_json::Value;

/// A node's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeHealth {
    /// The number of its peers.
    pub peers: u64,
    /// True if it synchronises.
    pub is_syncing: bool,
    /// True if it should have peers, which a node of a chain for development need not.
    pub should_have_peers: bool,
}

/// The chain's properties, as far as they are used. Chains with several tokens have lists.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(default)]
    token_decimals: Value,
    #[serde(default)]
    token_symbol: Value,
}

impl RpcNode {
    /// Returns the node's health.
    ///
    /// # Errors
    ///
    /// [`ChainError`] if the node is lost, or does not tell.
    pub async fn health(&self) -> Result<NodeHealth, ChainError> {
        wire::read(self.request("system_health", vec![]).await?)
    }

    /// Returns the decimals and the symbol of the chain's token, as the node has them; `None`
    /// if it has none, or several.
    ///
    /// # Errors
    ///
    /// [`ChainError`] if the node is lost.
    pub async fn token(&self) -> Result<Option<(u8, String)>, ChainError> {
        let properties = self.request("system_properties", vec![]).await?;
        Ok(token_of(&wire::read(properties)?))
    }
}

fn token_of(properties: &Properties) -> Option<(u8, String)> {
    let decimals = only(&properties.token_decimals).and_then(Value::as_u64);
    let decimals = decimals.and_then(|decimals| u8::try_from(decimals).ok());
    let symbol = only(&properties.token_symbol).and_then(Value::as_str);
    decimals.zip(symbol.map(str::to_owned))
}

/// Returns a value, or the only one of a list.
fn only(value: &Value) -> Option<&Value> {
    match value {
        Value::Array(list) => match list.as_slice() {
            [only] => Some(only),
            _ => None,
        },
        value => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_read_alone_or_as_the_only_one_of_a_list() {
        let pas = Some((12, "PAS".to_owned()));
        for (properties, token) in [
            (
                json!({"ss58Format": 0, "tokenDecimals": 12, "tokenSymbol": "PAS"}),
                pas.clone(),
            ),
            (json!({"tokenDecimals": [12], "tokenSymbol": ["PAS"]}), pas),
            (
                json!({"tokenDecimals": [12, 10], "tokenSymbol": ["A", "B"]}),
                None,
            ),
            (json!({"tokenDecimals": 300, "tokenSymbol": "PAS"}), None),
            (json!({"tokenDecimals": "12", "tokenSymbol": "PAS"}), None),
            (json!({}), None),
        ] {
            let read: Properties = wire::read(properties.clone()).unwrap();
            assert_eq!(token_of(&read), token, "{properties}");
        }
    }

    #[test]
    fn the_health_is_read_as_nodes_write_it() {
        let health = json!({"peers": 8, "isSyncing": false, "shouldHavePeers": true});
        let health: NodeHealth = wire::read(health).unwrap();
        assert_eq!(health.peers, 8);
        assert!(!health.is_syncing && health.should_have_peers);
    }
}
