//! Content, hashed chunk by chunk to its data root, with the nodes that an upload sends.

use crate::input;
use crate::refusal::Refusal;
use cairn_primitives::HashingProfile;
use cairn_primitives::chunk_tree::{ContentRoot, InteriorNode, TreeBuilder};

/// Content that is being hashed. Memory does not grow with it.
#[derive(Debug)]
pub struct Content {
    profile: HashingProfile,
    /// None after the end, and after an error.
    tree: Option<TreeBuilder>,
    is_empty: bool,
}

impl Content {
    /// Begins content without chunks.
    pub fn new(tagged: bool) -> Self {
        let profile = input::profile(tagged);
        Self {
            profile,
            tree: Some(TreeBuilder::new(profile)),
            is_empty: true,
        }
    }

    /// Adds the next chunk, and returns the nodes that are complete with it, children first: 96
    /// bytes each, of its hash and its two children.
    ///
    /// # Errors
    ///
    /// [`Refusal`] of a chunk that is too long or follows one that is not full; the content is
    /// useless then.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut tree = self.take()?;
        let mut nodes = Vec::new();
        let hash = self.profile.chunk(chunk);
        tree.push(hash, chunk.len(), |node| write(&mut nodes, &node))?;
        self.is_empty = false;
        self.tree = Some(tree);
        Ok(nodes)
    }

    /// Ends the content, and returns the nodes that are left with the root. Content without chunks
    /// has one empty chunk.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if it has ended, or failed.
    pub fn finish(&mut self) -> Result<(Vec<u8>, ContentRoot), Refusal> {
        if self.is_empty {
            self.push(&[])?;
        }
        let mut nodes = Vec::new();
        let root = self.take()?.finish(|node| write(&mut nodes, &node));
        let root = root.ok_or_else(|| Refusal::malformed("content without a chunk"))?;
        Ok((nodes, root))
    }

    fn take(&mut self) -> Result<TreeBuilder, Refusal> {
        let ended = || Refusal::malformed("the content has ended, or failed");
        self.tree.take().ok_or_else(ended)
    }
}

fn write(nodes: &mut Vec<u8>, node: &InteriorNode) {
    for hash in [node.hash, node.left, node.right] {
        nodes.extend_from_slice(hash.as_bytes());
    }
}
