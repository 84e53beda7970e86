"""Runs the examples of docs/clients/python.md and of the README against a provider in memory."""

import re
import unittest
from pathlib import Path
from unittest import mock

from cairn_storage_client import Provider

from .fake_provider import FakeProvider
from .vectors import MEMBER_KEY, PROVIDER_KEY, SECONDS, content, member

FOLDER = Path(__file__).resolve().parents[1]
PAGE = FOLDER.parents[1] / "docs/clients/python.md"


def examples(path):
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


class Examples(unittest.TestCase):
    def run_example(self, code):
        """Runs an example with what its text takes for given, and returns what it prints."""
        fake = FakeProvider([300])
        self.addCleanup(fake.stop)
        printed = []
        given = {
            "url": fake.url,
            "provider_key": PROVIDER_KEY,
            "public_key": MEMBER_KEY,
            "sign": member().sign,
            "print": lambda *values: printed.extend(values),
            "stored": content(100),
        }
        # The vectors have a signature of the bucket with other content.
        code = code.replace('b"some content"', "stored")
        # The signer's signatures are of that time.
        with mock.patch.dict(Provider.__init__.__kwdefaults__, now=lambda: SECONDS):
            exec(compile(code, "example", "exec"), given)
        return printed, fake

    def test_each_example_of_the_page_runs(self):
        expected = [[content(100), 2], [50], ["dataRoot"]]
        found = examples(PAGE)
        self.assertEqual(len(found), len(expected))
        for code, printed in zip(found, expected, strict=True):
            self.assertEqual(self.run_example(code)[0], printed)

    def test_the_example_of_the_readme_runs(self):
        [code] = examples(FOLDER / "README.md")
        _, fake = self.run_example(code)
        self.assertIn("POST /commit", fake.asked)
        self.assertIn("GET /read", fake.asked)


if __name__ == "__main__":
    unittest.main()
