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
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

Line = dict[str, Any]
LOOPBACK = ["127.0.0.0/8", "::1/128"]


class Operator:
    """The parent: starts, kills and restarts the node."""

    def __init__(self) -> None:
        self._store: str | None = None
        self._child: subprocess.Popen[str] | None = None

    def run(self) -> None:
        for text in sys.stdin:
            line = json.loads(text)
            try:
                answer = self._do(line)
            except Exception as error:
                answer = {"refused": {"text": f"{type(error).__name__}: {error}"}}
            print(json.dumps({"id": line.get("id"), **answer}, ensure_ascii=False), flush=True)
        self._end(graceful=True)

    def _do(self, line: Line) -> Line:
        if line["do"] == "start":
            if line.get("role", "county") != "county":
                return {"unsupported": "the reference plays counties, no authorities"}
            self._store = line["store"]
            self._launch()
        elif line["do"] == "restart":
            self._end(line.get("graceful", True))
            self._launch()
            return self._ask({"do": "resume"})
        return self._ask(line)

    def _launch(self) -> None:
        assert self._store is not None
        command = [sys.executable, __file__, "--node", self._store]
        environment = {**os.environ, "OPENSSL_CONF": str(Path(__file__).resolve().with_name("openssl.cnf"))}
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def _ask(self, line: Line) -> Line:
        if self._child is None or self._child.stdin is None or self._child.stdout is None:
            return {"refused": {"text": "not started"}}
        self._child.stdin.write(json.dumps(line) + "\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        return json.loads(answer) if answer else {"refused": {"text": "the node ended"}}

    def _end(self, graceful: bool) -> None:
        child, self._child = self._child, None
        if child is None or child.stdin is None:
            return
        if graceful:
            child.stdin.close()
        else:
            child.kill()
        child.wait()


def serve(folder: Path) -> None:
    """The node's own process: a line in, a line out."""
    from comity_reference.exchange import Problem
    from comity_reference.node import Node
    from comity_reference.strict import Refused

    node: Node | None = None
    for text in sys.stdin:
        line = json.loads(text)
        try:
            if line["do"] in ("start", "resume"):
                node = Node(folder, _settings(line) if line["do"] == "start" else None)
                node.start()
                answer: Line = {"ok": {"application": node.configuration()} if line["do"] == "start" else {}}
            elif node is None:
                answer = {"refused": {"text": "not started"}}
            else:
                told = _act(node, line)
                answer = {"unsupported": f"no act {line['do']}"} if told is None else {"ok": told}
        except Problem as problem:
            answer = {"refused": {"text": problem.detail, "problem": f"urn:comity:problem:{problem.slug}"}}
        except Refused as refused:
            answer = {"refused": {"text": str(refused)}}
        print(json.dumps(answer, ensure_ascii=False), flush=True)


def _settings(line: Line) -> Line:
    return {
        "region": line["region"],
        "environment": line["environment"],
        "superior": line["superior"],
        "anchor": json.loads(Path(line["anchor"]).read_text(encoding="utf-8")),
        "roots": str(Path(line["roots"]).resolve()),
        "residents": str(Path(line["residents"]).resolve()) if line.get("residents") else None,
        "allowed": LOOPBACK,
    }


def _act(node: Any, line: Line) -> Line | None:
    match line["do"]:
        case "refresh":
            node.refresh(line.get("entity"))
        case "agreements":
            return {"agreements": node.treaties.listed()}
        case "sign":
            node.sign(line["agreement"])
        case "propose":
            return node.propose(line["text"])
        case "withdraw":
            node.withdraw(line["agreement"], line["from"])
        case "event":
            node.events([line])
        case "events":
            node.events(line["events"])
        case "attestation":
            from comity_reference.node import now

            return {"token": node.register.attestation(line["permit_number"], line["form"], now())}
        case "recognise":
            return node.office.recognise(line["text"], line["service"], line.get("provider"), line.get("holder_name"))
        case "look_up":
            asked = (line["issuer_region"], line["number"], line["name"], line["service"], line.get("provider"))
            return node.office.look_up(*asked)
        case "confirm":
            return node.office.confirm(line["case"], line["holder"])
        case _:
            return None
    return {}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--node"]:
        serve(Path(sys.argv[2]))
    else:
        Operator().run()
