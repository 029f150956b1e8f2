#!/usr/bin/env python3
"""Judges this reference by the conformance suite, and lets it meet the node beside it; one command for a desk and for CI.

Makes a virtual environment once per content of requirements.txt and runs again inside it. Exit codes: 0 all passed, 1
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
INSIDE = "COMITY_REFERENCE_VENV"
REGION = "361123"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comity-conformance", type=Path, required=True, help="the suite's program")
    parser.add_argument(
        "--comity-target", type=Path, help="target program of the node to meet; without it, nobody is met"
    )
    parser.add_argument("--comity", type=Path, help="the node that --comity-target runs")
    parser.add_argument("--venv", type=Path, default=Path(tempfile.gettempdir()) / "comity-reference-venv")
    parser.add_argument("--only", choices=("offline", "networked", "exchange"), action="append")
    return parser.parse_args()


def enter_environment(where: Path) -> None:
    """Runs this script again with the packages of requirements.txt, which are checked by their hashes."""
    python, stamp = where / "bin" / "python", where / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        venv.create(where, with_pip=True, clear=True)
        pip: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
        ]
        if subprocess.run([*pip, REQUIREMENTS]).returncode != 0:
            print("reference: UNAVAILABLE, the packages could not be installed", file=sys.stderr)
            sys.exit(2)
        stamp.write_text(wanted, encoding="ascii")
    environment = dict(os.environ, **{INSIDE: str(where)}, PYTHONDONTWRITEBYTECODE="1")
    sys.exit(subprocess.run([python, __file__, *sys.argv[1:]], env=environment).returncode)


def offline(judge: Path) -> None:
    """Every kind of vector, none of them unsupported."""
    adapter = f"{shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'adapter.py'))}"
    command: list[str | Path] = [
        judge,
        "run",
        "--class",
        "offline",
        "--complete",
        "--timeout",
        "60",
        "--adapter",
        adapter,
    ]
    subprocess.run(command, cwd=HERE.parents[1], check=True)


def networked(judge: Path, folder: Path) -> None:
    """The classes issuer, recogniser and node, in a world that the suite draws."""
    subprocess.run([judge, "init", "--dir", folder, "--region", REGION], check=True)
    program = f'"{sys.executable}", "{HERE / "target.py"}"'
    described = (
        (HERE / "target.toml").read_text(encoding="utf-8").replace('program = ["target.py"]', f"program = [{program}]")
    )
    (folder / "target.toml").write_text(described, encoding="utf-8")
    subprocess.run([judge, "run", "--dir", folder], check=True)


def exchanges(target: Path | None, comity: Path | None) -> str:
    """With itself; and with the node beside it, each of the two proposing once."""
    script: list[str | Path] = [sys.executable, HERE / "exchange.py"]
    subprocess.run(script, check=True)
    if target is None or comity is None:
        return "itself"
    node = f"{shlex.quote(str(target.resolve()))} --comity {shlex.quote(str(comity.resolve()))}"
    subprocess.run([*script, "--one", node], check=True)
    subprocess.run([*script, "--other", node], check=True)
    return "itself and the node"


def main() -> None:
    chosen = arguments()
    if INSIDE not in os.environ:
        enter_environment(chosen.venv.resolve())
    judge, only = chosen.comity_conformance.resolve(), chosen.only or ("offline", "networked", "exchange")
    done = []
    try:
        if "offline" in only:
            offline(judge)
            done.append("class offline complete")
        if "networked" in only:
            with tempfile.TemporaryDirectory(prefix="comity-reference-") as folder:
                networked(judge, Path(folder) / "work")
            done.append("classes issuer, recogniser and node")
        if "exchange" in only:
            done.append(f"both ways with {exchanges(chosen.comity_target, chosen.comity)}")
    except subprocess.CalledProcessError as error:
        print(f"reference: FAILED: {error}", file=sys.stderr)
        sys.exit(1)
    print(f"reference: {', '.join(done)}")


if __name__ == "__main__":
    main()
