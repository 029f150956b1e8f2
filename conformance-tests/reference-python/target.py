#!/usr/bin/env python3
"""The target program for the classes issuer, recogniser and node (conformance-tests/README.md).

It runs the node in a process of its own, so that `restart` can really kill it, and hands the lines on to it. Started with
`--node FOLDER` it is that process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

Line = dict[str, Any]
LOOPBACK = ["127.0.0.0/8", "::1/128"]


class Operator:
    """The parent: starts, kills and restarts the node."""

    def __init__(self) -> None:
        self._store = ""
        self._child: subprocess.Popen[str] | None = None

    def do(self, line: Line) -> Line:
        if line["do"] == "start":
            if line.get("role", "county") != "county":
                return {"unsupported": "the reference plays counties, no authorities"}
            self._store = line["store"]
            self._launch()
        elif line["do"] == "restart":
            self.end(line.get("graceful", True))
            self._launch()
        return self._ask(line)

    def _launch(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, __file__, "--node", self._store],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENSSL_CONF": str(HERE / "openssl.cnf")},
        )

    def _ask(self, line: Line) -> Line:
        if self._child is None or self._child.stdin is None or self._child.stdout is None:
            return {"refused": {"text": "not started"}}
        print(json.dumps(line), file=self._child.stdin, flush=True)
        answer = self._child.stdout.readline()
        return json.loads(answer) if answer else {"refused": {"text": "the node ended"}}

    def end(self, graceful: bool = True) -> None:
        child, self._child = self._child, None
        if child is None or child.stdin is None:
            return
        if graceful:
            child.stdin.close()
        else:
            child.kill()
        child.wait()


def county(folder: Path) -> Callable[[Line], Line]:
    """The child: a node that does what a line says."""
    from comity_reference.exchange import Problem
    from comity_reference.node import Node, now
    from comity_reference.strict import Refused

    node: Node | None = None
    acts: dict[str, Callable[[Node, Line], Any]] = {
        "start": lambda node, line: {"application": node.configuration()},
        "restart": lambda node, line: {},
        "refresh": lambda node, line: node.refresh(line.get("entity")),
        "agreements": lambda node, line: {"agreements": node.treaties.listed()},
        "sign": lambda node, line: node.sign(line["agreement"]),
        "propose": lambda node, line: node.propose(line["text"]),
        "withdraw": lambda node, line: node.withdraw(line["agreement"], line["from"]),
        "event": lambda node, line: node.register.apply([line], now()),
        "events": lambda node, line: node.register.apply(line["events"], now()),
        "attestation": lambda node, line: {
            "token": node.register.attestation(line["permit_number"], line["form"], now())
        },
        "recognise": lambda node, line: node.office.recognise(
            now, line["text"], line["service"], line.get("provider"), line.get("holder_name")
        ),
        "look_up": lambda node, line: node.office.look_up(
            now, line["issuer_region"], line["number"], line["name"], line["service"], line.get("provider")
        ),
        "confirm": lambda node, line: node.office.confirm(now(), line["case"], line["holder"]),
    }

    def do(line: Line) -> Line:
        nonlocal node
        if line["do"] not in acts:
            return {"unsupported": f"no act {line['do']}"}
        try:
            if line["do"] in ("start", "restart"):
                node = Node(folder, _settings(line) if line["do"] == "start" else None)
                node.start()
            if node is None:
                raise Refused("not-started")
            return {"ok": acts[line["do"]](node, line) or {}}
        except Problem as problem:
            return {"refused": {"text": problem.detail, "problem": f"urn:comity:problem:{problem.slug}"}}
        except Refused as refused:
            return {"refused": {"text": str(refused)}}

    return do


def _settings(line: Line) -> Line:
    return {
        **{name: line[name] for name in ("region", "environment", "superior")},
        "anchor": json.loads(Path(line["anchor"]).read_text(encoding="utf-8")),
        "roots": str(Path(line["roots"]).resolve()),
        "residents": str(Path(line["residents"]).resolve()) if line.get("residents") else None,
        "allowed": LOOPBACK,
    }


def main() -> None:
    operator = Operator()
    do = county(Path(sys.argv[2])) if sys.argv[1:2] == ["--node"] else operator.do
    for text in sys.stdin:
        line = json.loads(text)
        try:
            answer = do(line)
        except Exception as error:
            answer = {"refused": {"text": f"{type(error).__name__}: {error}"}}
        print(json.dumps({"id": line.get("id"), **answer}, ensure_ascii=False), flush=True)
    operator.end()


if __name__ == "__main__":
    main()
