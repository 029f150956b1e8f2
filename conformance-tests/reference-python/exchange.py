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
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import NameOID  # noqa: E402

from comity_reference import identifiers, jws, tls, trust  # noqa: E402
from comity_reference.keys import SigningKey  # noqa: E402
from comity_reference.server import Call, Problem, Reply, Server  # noqa: E402

DAY = 86400
SERVICE = "BPS-2"


def step(told: str) -> None:
    print(f"exchange: {told}", flush=True)


def expect(holds: bool, told: str, seen: Any = "") -> None:
    if not holds:
        for log in Target.logs:
            print(f"--- {log}\n{log.read_text(encoding='utf-8')[-2000:]}", file=sys.stderr)
        raise SystemExit(f"exchange: FAILED: {told}: {json.dumps(seen, ensure_ascii=False, default=str)[:1500]}")
    step(told)


class Roots:
    """The CA of the authorities' public servers."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "exchange test roots")])
        self.certificate = self._certificate(self._name, self._key, ca=True)

    def _certificate(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
            .sign(self._key, hashes.SHA256())
        )

    def identity(self) -> tls.Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), key, False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return tls.Identity(private, certificate.public_bytes(serialization.Encoding.PEM))


class Authority:
    """An authority with a server: its configuration, its member list, its statements."""

    def __init__(self, roots: Roots, superior: str | None) -> None:
        self.key = SigningKey(hashlib.sha256(f"{superior}{time.time_ns()}".encode()).digest())
        self._superior = superior
        self._statements: dict[str, str] = {}
        self._members: list[dict[str, Any]] = []
        self._seq = 0
        context = tls.public_context(roots.identity())
        self._server = Server(0, lambda plain: tls.PublicChannel(plain, context), self._route, "100000")
        self.entity = f"https://localhost:{self._server.port}"
        self._server.start()
        self._list = self._sign_list()

    def _route(self, call: Call) -> Reply:
        path, _, query = call.path.partition("?")
        if path == "/.well-known/openid-federation":
            return Reply(200, self._configuration().encode(), "application/entity-statement+jwt")
        if path == "/member-list":
            return Reply(200, self._list.encode(), "application/comity-member-list+jwt")
        sub = parse_qs(query).get("sub", [""])[0]
        if path == "/fetch" and sub in self._statements:
            return Reply(200, self._statements[sub].encode(), "application/entity-statement+jwt")
        raise Problem("not-found")

    def _configuration(self) -> str:
        endpoints = {
            "federation_fetch_endpoint": f"{self.entity}/fetch",
            "comity_member_list_endpoint": f"{self.entity}/member-list",
        }
        return self._sign(self.entity, self.key.public.jwk(), 30, metadata={"federation_entity": endpoints})

    def _sign(self, sub: str, jwk: dict[str, Any], days: int, **more: Any) -> str:
        now = int(time.time())
        payload = {"iss": self.entity, "sub": sub, "iat": now, "exp": now + days * DAY, "jwks": {"keys": [jwk]}, **more}
        if sub == self.entity and self._superior:
            payload["authority_hints"] = [self._superior]
        return jws.sign(self.key, trust.STATEMENT, payload)

    def _sign_list(self) -> str:
        now, self._seq = int(time.time()), self._seq + 1
        payload = {"iss": self.entity, "iat": now, "exp": now + 30 * DAY, "seq": self._seq, "members": self._members}
        return jws.sign(self.key, trust.MEMBER_LIST, payload)

    def _name(self, entity: str, **more: str) -> None:
        self._members.append({"entity": entity, "name": {"zh": "示例", "en": "example"}, "state": "active", **more})
        self._list = self._sign_list()

    def add_province(self, province: Authority, prefix: str) -> None:
        more = {"comity_state": "active", "comity_region_prefix": prefix, "crit": ["comity_region_prefix"]}
        self._statements[province.entity] = self._sign(province.entity, province.key.public.jwk(), 30, **more)
        self._name(province.entity, region_prefix=prefix)

    def add_county(self, application: str) -> str:
        """What the county applied with, said again by its superior."""
        own = jws.peek(application)
        node = own["metadata"]["comity_node"]
        more = {"comity_state": "active", "metadata": {"comity_node": node}}
        self._statements[own["sub"]] = self._sign(own["sub"], own["jwks"]["keys"][0], 9, **more)
        self._name(own["sub"], region=node["region"])
        return own["sub"]


class Target:
    """A target program and the county that it runs."""

    logs: list[Path] = []

    def __init__(self, name: str, command: str, region: str, folder: Path) -> None:
        self.name, self.region, self.folder = name, region, folder
        folder.mkdir()
        self._count = 0
        self._log = open(folder / "stderr.txt", "w", encoding="utf-8")
        self.logs.append(folder / "stderr.txt")
        self._child = subprocess.Popen(
            shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, cwd=folder
        )
        self.entity = ""

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """`ok` of the answer; a refusal comes back as `{"refused": …}`."""
        self._count += 1
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(json.dumps({"id": self._count, "do": do, **more}, ensure_ascii=False) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        expect_line = json.loads(line) if line else {}
        if expect_line.get("id") != self._count or not {"ok", "refused"} & expect_line.keys():
            log = (self.folder / "stderr.txt").read_text(encoding="utf-8")[-3000:]
            raise SystemExit(f"exchange: {self.name} did not do {do}: {line}\n{log}")
        return expect_line["ok"] if "ok" in expect_line else {"refused": expect_line["refused"]}

    def start(self, anchor: Authority, province: Authority, roots: Roots) -> None:
        anchor_file = {"entity": anchor.entity, "jwks": {"keys": [anchor.key.public.jwk()]}, "environment": "SANDBOX"}
        (self.folder / "anchor.json").write_text(json.dumps(anchor_file), encoding="utf-8")
        pem = roots.certificate.public_bytes(serialization.Encoding.PEM)
        (self.folder / "roots.pem").write_bytes(pem)
        (self.folder / "target").mkdir()
        write_residents(self.folder / "residents.csv", self.region)
        told = self.ask(
            "start",
            role="county",
            region=self.region,
            environment="SANDBOX",
            store="target",
            anchor="anchor.json",
            roots="roots.pem",
            residents="residents.csv",
            superior=province.entity,
        )
        self.entity = province.add_county(told["application"])
        self.own = jws.peek(told["application"])

    def trust(self, other: Target) -> None:
        """Adds the other's public server to the roots, as an operator does where no common CA serves both."""
        host = self.folder / "roots.pem"
        with open(host, "ab") as file:
            file.write(server_certificate(other.entity).encode())

    def end(self) -> None:
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.wait(timeout=60)
        self._log.close()


def server_certificate(entity: str) -> str:
    import ssl

    host, port = entity.removeprefix("https://").split(":")
    return ssl.get_server_certificate((host, int(port)))


COLUMNS = (
    "permit_number name sex ethnicity birth_date id_number hukou_address residence_address issuing_authority issue_date "
    "tier basis residence_since endorsed_until"
).split()


def residents(region: str) -> list[dict[str, str]]:
    """Synthetic people, born before 1900."""
    today = identifiers.day_of(int(time.time()))
    issued = today - datetime.timedelta(days=100)
    until = identifiers.full_year(issued) - datetime.timedelta(days=1)
    made = []
    for serial, name in enumerate(("示例甲", "示例乙", "阿依古丽·示例"), start=1):
        digits = f"{region}1880010{serial}00{2 * serial}"  # an even number is a woman's
        number = f"{region}2025{serial:08}"
        made.append(
            {
                "permit_number": number + identifiers.check_character(number),
                "name": name,
                "sex": "FEMALE",
                "ethnicity": "汉",
                "birth_date": f"1880-01-0{serial}",
                "id_number": digits + identifiers.check_character(digits),
                "hukou_address": "示例省示例县示例路1号",
                "residence_address": "示例县示例路2号",
                "issuing_authority": "示例县公安局",
                "issue_date": issued.isoformat(),
                "tier": "ORDINARY",
                "basis": "EMPLOYMENT",
                "residence_since": (issued - datetime.timedelta(days=400)).isoformat(),
                "endorsed_until": until.isoformat(),
            }
        )
    return made


def write_residents(path: Path, region: str) -> None:
    people = residents(region)
    lines = [",".join(COLUMNS), *(",".join(person[name] for name in COLUMNS) for person in people)]
    data = ("\n".join(lines) + "\n").encode("utf-8")
    path.write_bytes(data)
    as_of = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    digest = hashlib.sha256(data).hexdigest()
    manifest = {"comity_register": 1, "kind": "full", "sequence": 1, "rows": len(people)}
    manifest |= {"sha256": digest, "source_as_of": as_of}
    path.with_name(path.name + ".manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def agreement_text(one: Target, other: Target) -> dict[str, Any]:
    def party(target: Target) -> dict[str, Any]:
        kids = [key["kid"] for key in target.own["jwks"]["keys"]]
        name = target.own["metadata"]["comity_node"]["name"]
        return {"entity": target.entity, "region": target.region, "name": name, "federation_keys": kids}

    text = {"zh": "示例", "en": "example"}
    row = {
        "code": SERVICE,
        "claims": ["name", "tier", "residence_since"],
        "conditions": [{"min_residence_months": 6}],
        "owner": text,
        "retention_days": 365,
    }
    directions = [(one.region, other.region), (other.region, one.region)]
    return {
        "id": f"AGR-{one.region}-{other.region}",
        "version": 1,
        "title": text,
        "environment": "SANDBOX",
        "parties": [party(one), party(other)],
        "effective_from": identifiers.day_of(int(time.time())).isoformat(),
        "reciprocal": True,
        "services": [row],
        "tier_map": [{"issuer": a, "recogniser": b, "map": {"ORDINARY": "ORDINARY"}} for a, b in directions],
        "legal_basis": text,
        "impact_assessment": "示例",
        "notice_days": 0,
        "continuation": text,
    }


def eventually(ask: Any, holds: Any, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        seen = ask()
        if holds(seen) or time.monotonic() > deadline:
            return seen
        time.sleep(0.2)


def one_way(issuer: Target, recogniser: Target) -> None:
    """Permits of one county at the other's window."""
    way = f"{issuer.name} → {recogniser.name}"
    first, second, third = residents(issuer.region)
    token = issuer.ask("attestation", permit_number=first["permit_number"], form="card")["token"]
    seen = recogniser.ask("recognise", text=token, service=SERVICE)
    expect(seen.get("outcome") == "RECOGNISED" and seen["step"] == "provisional", f"{way}: presented", seen)
    confirmed = recogniser.ask("confirm", case=seen["case"], holder="same")
    expect(confirmed.get("outcome") == "RECOGNISED" and "receipt" in confirmed, f"{way}: confirmed, receipt", confirmed)
    decision = jws.peek(confirmed["receipt"]["receipt"])["decision"]
    expect(decision["issuer"] == issuer.entity, f"{way}: the receipt names the issuer", decision)

    asked = {"issuer_region": issuer.region, "service": SERVICE, "name": second["name"]}
    seen = recogniser.ask("look_up", number={"id_number": second["id_number"]}, **asked)
    expect(seen.get("outcome") == "RECOGNISED", f"{way}: looked up", seen)
    seen = recogniser.ask("look_up", number={"id_number": first["id_number"]}, **asked)
    expect(seen.get("outcome") == "NO_MATCH", f"{way}: a wrong name finds nobody", seen)
    asked["name"] = third["name"].replace("·", "•")
    seen = recogniser.ask("look_up", number={"permit_number": third["permit_number"]}, **asked)
    expect(seen.get("outcome") == "REVIEW_REQUIRED", f"{way}: another separator wants a person", seen)

    altered = token.replace("~", "~" + base64.urlsafe_b64encode(b'["s","tier","X"]').decode().rstrip("=") + "~", 1)
    seen = recogniser.ask("recognise", text=altered, service=SERVICE)
    expect(seen.get("outcome") == "SIGNATURE_INVALID", f"{way}: a disclosure too many", seen)
    seen = recogniser.ask("recognise", text=token, service="CNV-3")
    expect(seen.get("outcome") == "SERVICE_NOT_COVERED", f"{way}: a service not covered", seen)

    done = issuer.ask("event", permit_number=first["permit_number"], event="cancelled")
    expect(done == {}, f"{way}: cancelled", done)
    seen = eventually(
        lambda: recogniser.ask("recognise", text=token, service=SERVICE), lambda one: one.get("outcome") == "REVOKED"
    )
    expect(seen.get("outcome") == "REVOKED", f"{way}: the cancellation arrived by hint", seen)


def run(one: Target, other: Target, anchor: Authority, province: Authority, roots: Roots) -> None:
    for target in (one, other):
        target.start(anchor, province, roots)
    for target, peer in ((one, other), (other, one)):
        target.trust(peer)
        restarted = target.ask("restart", graceful=True)
        expect(restarted == {}, f"{target.name}: restarted", restarted)
    for target in (one, other):
        expect(target.ask("refresh") == {}, f"{target.name}: trust refreshed")
    proposed = one.ask("propose", text=agreement_text(one, other))
    expect("digest" in proposed, f"{one.name}: proposes", proposed)
    reference = {name: proposed[name] for name in ("id", "version", "digest")}
    waiting = eventually(lambda: other.ask("agreements")["agreements"], lambda listed: bool(listed))
    expect(waiting and waiting[0]["state"] == "proposed", f"{other.name}: received it", waiting)
    signed = other.ask("sign", agreement=reference)
    expect(signed == {}, f"{other.name}: signs", signed)
    for target in (one, other):
        listed = eventually(
            lambda target=target: target.ask("agreements")["agreements"], lambda found: found[0]["state"] == "adopted"
        )
        expect(listed[0]["state"] == "adopted", f"{target.name}: adopted", listed)
    one_way(one, other)
    one_way(other, one)
    day = identifiers.day_of(int(time.time()))
    done = one.ask("withdraw", agreement=reference["id"], **{"from": day.isoformat()})
    expect(done == {}, f"{one.name}: withdraws", done)
    third = residents(one.region)[2]
    token = one.ask("attestation", permit_number=third["permit_number"], form="card")["token"]
    seen = eventually(
        lambda: (other.ask("refresh"), other.ask("recognise", text=token, service=SERVICE))[1],
        lambda told: told.get("outcome") == "AGREEMENT_NOT_IN_FORCE",
    )
    expect(seen.get("outcome") == "AGREEMENT_NOT_IN_FORCE", f"{other.name}: no longer in force", seen)


def main() -> None:
    own = f"{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).resolve().parent / 'target.py'))}"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--one", default=own, help="target program of the first county (default: this reference)")
    parser.add_argument("--other", default=own, help="target program of the second county (default: this reference)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="comity-exchange-") as folder:
        roots = Roots()
        anchor = Authority(roots, None)
        province = Authority(roots, anchor.entity)
        anchor.add_province(province, "36")
        one = Target("one", chosen.one, "361123", Path(folder, "one"))
        other = Target("other", chosen.other, "361102", Path(folder, "other"))
        try:
            run(one, other, anchor, province, roots)
        finally:
            for target in (one, other):
                target.end()
    step("passed")


if __name__ == "__main__":
    main()
