#!/usr/bin/env python3
"""Judges this reference by the conformance suite, and lets it meet the node beside it; one command for a desk and for CI.

Makes a virtual environment once per content of requirements.txt and works inside it. Exit codes: 0 all passed, 1
something failed, 2 the packages could not be had, so nothing ran.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
REGION = "361123"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comity-conformance", type=Path, required=True, help="the suite's program")
    parser.add_argument("--comity-target", type=Path, help="program of the node to meet; without it, nobody is met")
    parser.add_argument("--comity", type=Path, help="the node that --comity-target runs")
    parser.add_argument("--venv", type=Path, default=Path(tempfile.gettempdir()) / "comity-reference-venv")
    parser.add_argument("--only", choices=("offline", "networked", "exchange"), action="append")
    return parser.parse_args()


def environment(where: Path) -> str:
    """A Python with the packages of requirements.txt, which are checked by their hashes."""
    python, stamp = where / "bin" / "python", where / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        venv.create(where, with_pip=True, clear=True)
        install = "-m pip install --quiet --disable-pip-version-check --require-hashes -r".split()
        if subprocess.run([python, *install, REQUIREMENTS]).returncode != 0:
            print("reference: UNAVAILABLE, the packages could not be installed", file=sys.stderr)
            sys.exit(2)
        stamp.write_text(wanted, encoding="ascii")
    os.environ["PYTHONPYCACHEPREFIX"] = str(where / "compiled")  # once, since the suite starts the adapter 700 times
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return str(python)


def run(*command: str | Path) -> None:
    subprocess.run(command, cwd=HERE.parents[1], check=True)


def networked(judge: Path, python: str, folder: Path) -> None:
    """The classes issuer, recogniser and node, in a world that the suite draws."""
    run(judge, "init", "--dir", folder, "--region", REGION)
    described = (HERE / "target.toml").read_text(encoding="utf-8")
    program = f'["{python}", "{HERE / "target.py"}"]'
    (folder / "target.toml").write_text(described.replace('["target.py"]', program), encoding="utf-8")
    run(judge, "run", "--dir", folder)


def main() -> None:
    chosen = arguments()
    python, judge = environment(chosen.venv.resolve()), chosen.comity_conformance.resolve()
    only, done = chosen.only or ("offline", "networked", "exchange"), []
    try:
        if "offline" in only:  # every kind of vector, none of them unsupported
            adapter = shlex.join([python, str(HERE / "adapter.py")])
            run(judge, "run", "--class", "offline", "--complete", "--timeout", "60", "--adapter", adapter)
            done.append("class offline complete")
        if "networked" in only:
            with tempfile.TemporaryDirectory(prefix="comity-reference-") as folder:
                networked(judge, python, Path(folder) / "work")
            done.append("classes issuer, recogniser and node")
        if "exchange" in only:
            run(python, HERE / "exchange.py")
            done.append("both ways with itself")
            if chosen.comity_target and chosen.comity:  # each of the two proposes once
                node = shlex.join([str(chosen.comity_target.resolve()), "--comity", str(chosen.comity.resolve())])
                run(python, HERE / "exchange.py", "--one", node)
                run(python, HERE / "exchange.py", "--other", node)
                done[-1] += " and the node"
    except subprocess.CalledProcessError as error:
        print(f"reference: FAILED: {error}", file=sys.stderr)
        sys.exit(1)
    print(f"reference: {', '.join(done)}")


if __name__ == "__main__":
    main()
