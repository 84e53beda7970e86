"""Content, cut into chunks and hashed to its data root, with the nodes that an upload sends."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, Union

from .verify import CHUNK_BYTES, PLAIN, Profile, chunk_count, u64

Content = Union[bytes, bytearray, memoryview, BinaryIO]
"""Bytes, or a file that is open for reading bytes and can seek."""

Node = tuple[bytes, bytes, bytes]
"""The hash of an inner node, and of its two children."""


def split_without_padding(size: int) -> list[int]:
    """Returns the sizes of parts whose trees have no padding, in order, the largest first.

    A challenge of a padding slot cannot be answered, so providers refuse trees that have some.
    """
    parts: list[int] = []
    left = u64(size)
    while True:
        whole = CHUNK_BYTES << (chunk_count(left).bit_length() - 1)
        if left <= whole:
            return [*parts, left]
        parts.append(whole)
        left -= whole


class TreeBuilder:
    """Builds a chunk tree from its chunks in order. It keeps one node for each level."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._waiting: list[tuple[int, bytes]] = []
        self._is_full = True

    def push(self, chunk: bytes) -> list[Node]:
        """Adds the next chunk, and returns the nodes that are complete with it, children first."""
        if len(chunk) > CHUNK_BYTES:
            raise ValueError(f"a chunk of {len(chunk)} bytes")
        if not self._is_full or (self._waiting and not chunk):
            raise ValueError("only the last chunk may be shorter, and none empty but the only one")
        self._is_full = len(chunk) == CHUNK_BYTES
        nodes = []
        height, node = 0, self._profile.chunk(chunk)
        while self._waiting and self._waiting[-1][0] == height:
            left = self._waiting.pop()[1]
            nodes.append(self._join(left, node))
            height, node = height + 1, nodes[-1][0]
        self._waiting.append((height, node))
        return nodes

    def finish(self) -> tuple[bytes, list[Node]]:
        """Pads the tree, and returns its root and the nodes that are left."""
        if not self._waiting:
            self.push(b"")
        nodes = []
        height, node = self._waiting.pop()
        while self._waiting:
            if self._waiting[-1][0] > height:
                nodes.append(self._join(node, self._padding(height)))
            else:
                nodes.append(self._join(self._waiting.pop()[1], node))
            height, node = height + 1, nodes[-1][0]
        return node, nodes

    def _join(self, left: bytes, right: bytes) -> Node:
        return self._profile.node(left, right), left, right

    def _padding(self, height: int) -> bytes:
        node = bytes(32)
        for _ in range(height):
            node = self._profile.node(node, node)
        return node


class Reader:
    """Content of any kind, read by ranges."""

    def __init__(self, content: Content) -> None:
        if isinstance(content, (bytes, bytearray, memoryview)):
            content = io.BytesIO(content)
        self._file = content
        self._start = content.tell()
        self.size = content.seek(0, io.SEEK_END) - self._start

    def chunks(self, start: int, size: int) -> Iterator[bytes]:
        """Yields the chunks of a range: one empty chunk if it is empty."""
        at = 0
        while True:
            length = min(CHUNK_BYTES, size - at)
            self._file.seek(self._start + start + at)
            chunk = self._file.read(length)
            if len(chunk) != length:
                raise ValueError("the content ended early")
            yield chunk
            at += length
            if at >= size:
                return

    def parts(self, padding: bool) -> list[tuple[int, int]]:
        """Returns the start and size of each part that becomes a leaf."""
        sizes = [self.size] if padding else split_without_padding(self.size)
        starts = [sum(sizes[:place]) for place in range(len(sizes))]
        return list(zip(starts, sizes, strict=True))


def hash_content(
    content: Content, profile: Profile = PLAIN, padding: bool = False
) -> list[tuple[bytes, int]]:
    """Returns the data root and size of each leaf that content becomes, in order."""
    reader = Reader(content)
    found = []
    for start, size in reader.parts(padding):
        tree = TreeBuilder(profile)
        for chunk in reader.chunks(start, size):
            tree.push(chunk)
        found.append((tree.finish()[0], size))
    return found
