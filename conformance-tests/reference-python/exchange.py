#!/usr/bin/env python3
"""Two implementations under one federation: both ways, and each step checked.

It plays the authorities (an anchor and a province) and drives two target programs, say this reference and the node beside
it, by the contract in conformance-tests/README.md: an agreement proposed by one and signed by the other, a permit presented,
a permit looked up, a receipt, a cancellation that arrives by hint, a withdrawal. Then the same with the parties swapped.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import hashlib
import json
import secrets
import shlex
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comity_reference import identifiers, jws, tls, trust  # noqa: E402
from comity_reference.exchange import Problem  # noqa: E402
from comity_reference.keys import SigningKey  # noqa: E402
from comity_reference.resolver import WELL_KNOWN  # noqa: E402
from comity_reference.server import Call, Reply, Server  # noqa: E402

DAY = 86400
SERVICE = "BPS-2"
TEXT = {"zh": "示例", "en": "example"}


class Failed(Exception):
    """A step that did not come out as it has to."""


def expect(holds: object, told: str, seen: Any = "") -> None:
    if not holds:
        raise Failed(f"{told}: {json.dumps(seen, ensure_ascii=False, default=str)[:1500]}")
    print(f"exchange: {told}", flush=True)


class Authority:
    """An authority with a server: its configuration, its member list, its statements."""

    def __init__(self, superior: str | None) -> None:
        self.key = SigningKey(secrets.token_bytes(32))
        self._hints: dict[str, Any] = {"authority_hints": [superior]} if superior else {}
        self._statements: dict[str, str] = {}
        self._members: list[dict[str, Any]] = []
        identity = tls.Identity.new("localhost")
        self.certificate = identity.certificate
        self._server = Server(0, tls.listener(identity), self._route, "100000")
        self.entity = f"https://localhost:{self._server.port}"
        self._server.start()

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.key.public.jwk()]}

    def _route(self, call: Call) -> Reply:
        sub = parse_qs(call.query).get("sub", [""])[0]
        if call.path == WELL_KNOWN:
            ends = {"federation_fetch_endpoint": "fetch", "comity_member_list_endpoint": "member-list"}
            metadata = {"federation_entity": {name: f"{self.entity}/{path}" for name, path in ends.items()}}
            own = self._sign(trust.STATEMENT, sub=self.entity, jwks=self.jwks(), metadata=metadata, **self._hints)
            return Reply(200, own.encode(), f"application/{trust.STATEMENT}")
        if call.path == "/member-list":
            listed = self._sign(trust.MEMBER_LIST, seq=len(self._members) + 1, members=self._members)
            return Reply(200, listed.encode(), f"application/{trust.MEMBER_LIST}")
        if call.path == "/fetch" and sub in self._statements:
            return Reply(200, self._statements[sub].encode(), f"application/{trust.STATEMENT}")
        raise Problem("not-found")

    def _sign(self, typ: str, days: int = 30, **more: Any) -> str:
        now = int(time.time())
        return jws.sign(self.key, typ, {"iss": self.entity, "iat": now, "exp": now + days * DAY, **more})

    def _add(self, sub: str, jwks: dict[str, Any], days: int, line: dict[str, str], **more: Any) -> None:
        stated = {"sub": sub, "jwks": jwks, "comity_state": "active", **more}
        self._statements[sub] = self._sign(trust.STATEMENT, days, **stated)
        self._members.append({"entity": sub, "name": TEXT, "state": "active", **line})

    def add_province(self, province: Authority, prefix: str) -> None:
        more = {"comity_region_prefix": prefix, "crit": ["comity_region_prefix"]}
        self._add(province.entity, province.jwks(), 30, {"region_prefix": prefix}, **more)

    def add_county(self, own: dict[str, Any]) -> None:
        """What the county applied with, said again by its superior."""
        line = {"region": own["metadata"]["comity_node"]["region"]}
        self._add(own["sub"], own["jwks"], 9, line, metadata=own["metadata"])


class Target:
    """A target program and the county that it runs."""

    def __init__(self, name: str, command: str, region: str, folder: Path) -> None:
        self.name, self.region, self.folder = name, region, folder
        (folder / "target").mkdir(parents=True)
        self._count = 0
        self._log = open(folder / "stderr.txt", "w", encoding="utf-8")
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            shlex.split(command), stdin=pipe, stdout=pipe, stderr=self._log, text=True, cwd=folder
        )
        self.entity = ""

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """`ok` of the answer; a refusal comes back as `{"refused": …}`."""
        self._count += 1
        assert self._child.stdin is not None and self._child.stdout is not None
        print(json.dumps({"id": self._count, "do": do, **more}), file=self._child.stdin, flush=True)
        text = self._child.stdout.readline()
        answer: dict[str, Any] = json.loads(text or "{}")
        if answer.pop("id", None) != self._count or not {"ok", "refused"} & answer.keys():
            raise Failed(f"{self.name} did not do {do}: {text}")
        return answer.get("ok", answer)

    def start(self, anchor: Authority, province: Authority) -> None:
        anchor_file = {"entity": anchor.entity, "jwks": anchor.jwks(), "environment": "SANDBOX"}
        (self.folder / "anchor.json").write_text(json.dumps(anchor_file), encoding="utf-8")
        (self.folder / "roots.pem").write_bytes(anchor.certificate + province.certificate)
        write_residents(self.folder / "residents.csv", self.region)
        files = {"store": "target", "anchor": "anchor.json", "roots": "roots.pem", "residents": "residents.csv"}
        county = {"role": "county", "region": self.region, "environment": "SANDBOX", "superior": province.entity}
        self.own = jws.peek(self.ask("start", **county, **files)["application"])
        self.entity = self.own["sub"]
        province.add_county(self.own)

    def trust(self, other: Target) -> None:
        """Adds the other's public server to the roots, as an operator does where no common CA serves both."""
        where = urlsplit(other.entity)
        with open(self.folder / "roots.pem", "a", encoding="ascii") as roots:
            roots.write(ssl.get_server_certificate((str(where.hostname), where.port or 443)))

    def end(self) -> None:
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.wait(timeout=60)
        self._log.close()


COLUMNS = (
    "permit_number name sex ethnicity birth_date id_number hukou_address residence_address issuing_authority issue_date "
    "tier basis residence_since endorsed_until"
).split()


def residents(region: str) -> list[dict[str, str]]:
    """Synthetic people, born before 1900."""
    issued = identifiers.day_of(int(time.time())) - datetime.timedelta(days=100)
    since, until = issued - datetime.timedelta(days=400), identifiers.full_year(issued) - datetime.timedelta(days=1)
    made = []
    for serial, name in enumerate(("示例甲", "示例乙", "阿依古丽·示例"), start=1):
        digits, number = f"{region}1880010{serial}00{2 * serial}", f"{region}2025{serial:08}"  # even: a woman's
        permit, person = (one + identifiers.check_character(one) for one in (number, digits))
        line = (
            f"{permit},{name},FEMALE,汉,1880-01-0{serial},{person},示例省示例县示例路1号,示例县示例路2号,示例县公安局,"
        )
        line += f"{issued},ORDINARY,EMPLOYMENT,{since},{until}"
        made.append(dict(zip(COLUMNS, line.split(","), strict=True)))
    return made


def write_residents(path: Path, region: str) -> None:
    people = residents(region)
    lines = [",".join(COLUMNS), *(",".join(one.values()) for one in people)]
    data = ("\n".join(lines) + "\n").encode("utf-8")
    path.write_bytes(data)
    as_of = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    manifest = {"comity_register": 1, "kind": "full", "sequence": 1, "rows": len(people)}
    manifest |= {"sha256": hashlib.sha256(data).hexdigest(), "source_as_of": as_of}
    path.with_name(path.name + ".manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def agreement_text(one: Target, other: Target) -> dict[str, Any]:
    def party(target: Target) -> dict[str, Any]:
        kids = [key["kid"] for key in target.own["jwks"]["keys"]]
        name = target.own["metadata"]["comity_node"]["name"]
        return {"entity": target.entity, "region": target.region, "name": name, "federation_keys": kids}

    row = {
        "code": SERVICE,
        "claims": ["name", "tier", "residence_since"],
        "conditions": [{"min_residence_months": 6}],
        "owner": TEXT,
        "retention_days": 365,
    }
    directions = [(one.region, other.region), (other.region, one.region)]
    return {
        "id": f"AGR-{one.region}-{other.region}",
        "version": 1,
        "title": TEXT,
        "environment": "SANDBOX",
        "parties": [party(one), party(other)],
        "effective_from": identifiers.day_of(int(time.time())).isoformat(),
        "reciprocal": True,
        "services": [row],
        "tier_map": [{"issuer": a, "recogniser": b, "map": {"ORDINARY": "ORDINARY"}} for a, b in directions],
        "legal_basis": TEXT,
        "impact_assessment": "示例",
        "notice_days": 0,
        "continuation": TEXT,
    }


def eventually(told: str, ask: Callable[[], Any], holds: Callable[[Any], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds(seen := ask()) and time.monotonic() < deadline:
        time.sleep(0.2)
    expect(holds(seen), told, seen)


def one_way(issuer: Target, recogniser: Target) -> None:
    """Permits of one county at the other's window."""
    way = f"{issuer.name} → {recogniser.name}"
    first, second, third = residents(issuer.region)

    def shows(token: str, outcome: str, told: str, service: str = SERVICE) -> dict[str, Any]:
        seen = recogniser.ask("recognise", text=token, service=service)
        expect(seen.get("outcome") == outcome, f"{way}: {told}", seen)
        return seen

    def looks_up(number: dict[str, str], name: str, outcome: str, told: str) -> None:
        seen = recogniser.ask("look_up", issuer_region=issuer.region, service=SERVICE, number=number, name=name)
        expect(seen.get("outcome") == outcome, f"{way}: {told}", seen)

    token = issuer.ask("attestation", permit_number=first["permit_number"], form="card")["token"]
    seen = shows(token, "RECOGNISED", "presented")
    expect(seen["step"] == "provisional", f"{way}: a person compares holder and card", seen)
    confirmed = recogniser.ask("confirm", case=seen["case"], holder="same")
    expect(confirmed.get("outcome") == "RECOGNISED" and "receipt" in confirmed, f"{way}: confirmed, receipt", confirmed)
    decision = jws.peek(confirmed["receipt"]["receipt"])["decision"]
    expect(decision["issuer"] == issuer.entity, f"{way}: the receipt names the issuer", decision)

    looks_up({"id_number": second["id_number"]}, second["name"], "RECOGNISED", "looked up")
    looks_up({"id_number": first["id_number"]}, second["name"], "NO_MATCH", "a wrong name finds nobody")
    number, name = {"permit_number": third["permit_number"]}, third["name"].replace("·", "•")
    looks_up(number, name, "REVIEW_REQUIRED", "another separator wants a person")

    more = base64.urlsafe_b64encode(b'["s","tier","X"]').decode().rstrip("=")
    shows(token.replace("~", f"~{more}~", 1), "SIGNATURE_INVALID", "a disclosure too many")
    shows(token, "SERVICE_NOT_COVERED", "a service not covered", service="CNV-3")

    done = issuer.ask("event", permit_number=first["permit_number"], event="cancelled")
    expect(done == {}, f"{way}: cancelled", done)
    again = lambda: recogniser.ask("recognise", text=token, service=SERVICE)  # noqa: E731
    eventually(f"{way}: the cancellation arrived by hint", again, lambda seen: seen.get("outcome") == "REVOKED")


def run(one: Target, other: Target, anchor: Authority, province: Authority) -> None:
    for target in (one, other):
        target.start(anchor, province)
    for target, peer in ((one, other), (other, one)):
        target.trust(peer)
        expect(target.ask("restart", graceful=True) == {}, f"{target.name}: restarted")
    for target in (one, other):
        expect(target.ask("refresh") == {}, f"{target.name}: trust refreshed")

    def agreed(target: Target, state: str, told: str) -> None:
        listed = lambda: [held["state"] for held in target.ask("agreements")["agreements"]]  # noqa: E731
        eventually(f"{target.name}: {told}", listed, lambda states: states == [state])

    proposed = one.ask("propose", text=agreement_text(one, other))
    expect("digest" in proposed, f"{one.name}: proposes", proposed)
    agreed(other, "proposed", "received it")
    signed = other.ask("sign", agreement={name: proposed[name] for name in ("id", "version", "digest")})
    expect(signed == {}, f"{other.name}: signs", signed)
    for target in (one, other):
        agreed(target, "adopted", "adopted")
    one_way(one, other)
    one_way(other, one)

    day = identifiers.day_of(int(time.time())).isoformat()
    done = one.ask("withdraw", agreement=proposed["id"], **{"from": day})
    expect(done == {}, f"{one.name}: withdraws", done)
    number = residents(one.region)[2]["permit_number"]
    token = one.ask("attestation", permit_number=number, form="card")["token"]
    seen = lambda: other.ask("recognise", text=token, service=SERVICE).get("outcome")  # noqa: E731
    eventually(f"{other.name}: no longer in force", seen, lambda outcome: outcome == "AGREEMENT_NOT_IN_FORCE")


def main() -> None:
    own = f"{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).resolve().parent / 'target.py'))}"
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--one", default=own, help="target program of the first county (default: this reference)")
    parser.add_argument("--other", default=own, help="target program of the second county (default: this reference)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="comity-exchange-") as folder:
        anchor = Authority(None)
        province = Authority(anchor.entity)
        anchor.add_province(province, "36")
        one = Target("one", chosen.one, "361123", Path(folder, "one"))
        other = Target("other", chosen.other, "361102", Path(folder, "other"))
        try:
            run(one, other, anchor, province)
        except Failed as failed:
            for target in (one, other):
                log = (target.folder / "stderr.txt").read_text(encoding="utf-8")
                print(f"--- {target.name}\n{log[-2000:]}", file=sys.stderr)
            raise SystemExit(f"exchange: FAILED: {failed}") from None
        finally:
            for target in (one, other):
                target.end()
    print("exchange: passed")


if __name__ == "__main__":
    main()
