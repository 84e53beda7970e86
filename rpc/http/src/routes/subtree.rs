//! `/mmr_subtree`: the upper nodes of a peak's tree, verified. Today's provider has a stub.

use crate::app::App;
use crate::error::HttpError;
use crate::hex_text::prefixed;
use crate::schema::Hash;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method};
use cairn_bucket::{MmrNode, StateRef};
use cairn_primitives::BucketId;
use cairn_provider::Lease;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct SubtreeQuery {
    bucket_id: u64,
    /// The peak, counted from the left.
    peak_index: u32,
    /// The levels below the peak.
    depth: u32,
}

/// Nodes from the peak down, level by level, left to right.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Subtree {
    nodes: Vec<TreeNode>,
}

/// A node of the MMR. Positions count nodes in the order in which they were added.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MmrNode")]
struct TreeNode {
    position: u64,
    #[schemars(with = "Hash")]
    hash: String,
    /// The positions of its children; `null` for a leaf.
    children: Option<Vec<u64>>,
}

impl From<MmrNode> for TreeNode {
    fn from(node: MmrNode) -> Self {
        Self {
            position: node.position.0,
            hash: prefixed(node.hash),
            children: node.children.map(|(left, right)| vec![left.0, right.0]),
        }
    }
}

pub(crate) async fn mmr_subtree(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Query(query): Query<SubtreeQuery>,
) -> Result<Json<Subtree>, HttpError> {
    let bucket = BucketId(query.bucket_id);
    app.authorise_read(&headers, &method, bucket).await?;
    let (max, depth) = (app.rpc().limits().hashes, query.depth);
    let peak = usize::try_from(query.peak_index).unwrap_or(usize::MAX);
    let none = move || HttpError::NotFound(format!("peak_{peak}"));
    let job = move |lease: &Lease| {
        // The newest state changes between two looks.
        let (size, nodes) = lease.run(|bucket| {
            let view = bucket.view(StateRef::Newest)?;
            let size = view.subtree_size(peak, depth).unwrap_or(0);
            match size <= u64::from(max) {
                true => Ok((size, view.subtree(peak, depth)?)),
                false => Ok::<_, cairn_bucket::ProveError>((size, None)),
            }
        })?;
        let given = usize::try_from(size).unwrap_or(usize::MAX);
        match nodes {
            Some(nodes) => Ok(nodes),
            None if size > u64::from(max) => Err(HttpError::TooMany { given, max }),
            None => Err(none()),
        }
    };
    let nodes: Vec<MmrNode> = app.read(bucket, job).await?;
    Ok(Json(Subtree {
        nodes: nodes.into_iter().map(TreeNode::from).collect(),
    }))
}
