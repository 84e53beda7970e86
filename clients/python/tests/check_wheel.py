"""python3 check_wheel.py WHEEL

Checks what is in the built package: these files, and the repository's licence and version.
"""

import re
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MODULES = "__init__ answers bucket content errors provider scale signing transport verify"


def main(path):
    manifest = (ROOT / "Cargo.toml").read_text()
    version = re.search(r'^version = "(.*)"', manifest, re.MULTILINE)[1]
    info = f"cairn_storage_client-{version}.dist-info"
    with zipfile.ZipFile(path) as wheel:
        found = set(wheel.namelist())
        licence = wheel.read(f"{info}/licenses/LICENSE").decode()
        metadata = wheel.read(f"{info}/METADATA").decode()
    expected = {f"cairn_storage_client/{name}.py" for name in MODULES.split()}
    expected.add("cairn_storage_client/py.typed")
    expected |= {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "licenses/LICENSE", "top_level.txt")}
    if found != expected:
        sys.exit(f"the wheel has other files: {sorted(found ^ expected)}")
    if licence != (ROOT / "LICENSE").read_text() or "License-Expression: Apache-2.0" not in metadata:
        sys.exit("the wheel's licence is not the repository's")
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    if any("extra ==" not in line for line in needed) or len(needed) != 1:
        sys.exit(f"the wheel needs more than an extra: {needed}")
    print(f"{Path(path).name}: {len(found)} files, no dependency")


if __name__ == "__main__":
    main(sys.argv[1])
