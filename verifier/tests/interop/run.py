#!/usr/bin/env python3
"""Interoperability with libraries that share no code with this project: jwcrypto and sd-jwt (OpenWallet).

Forwards: tokens that the libraries make must be accepted by comity-verify with the same content, and each one's tampered
twins must be refused by the rule that the tampering breaks. Backwards (--emitted DIR): tokens that our side made must be
accepted by the libraries, and their tampered twins refused.

    python3 run.py --comity-verify target/debug/comity-verify [--comity target/debug/comity | --emitted DIR] [--venv DIR]

--comity runs the demonstration with listeners.py as its observer and takes what its nodes emitted. Such a DIR holds stage.json, see
there; the keys come from the trust chain, verified by the library from the anchor's key down, and from nowhere else.
Any other DIR for --emitted holds jwks.json (public keys, each with kid) and any number of
    NAME.jws          a compact JWS
    NAME.sd-jwt       an SD-JWT; NAME.kb.json {"aud","nonce"} when it has a key binding; NAME.claims.json expected claims
    NAME.status.jwt   a status list token; NAME.nonzero.json expected {index: value}

Exit codes: 0 all as expected, 1 a difference, 2 nothing could be run, 64 usage. The last line is a summary.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import venv
import zlib

HERE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
FAILED, NOTHING_RAN, USAGE = 1, 2, 64


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(USAGE)


def arguments():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--comity-verify", required=True, type=pathlib.Path)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--emitted", type=pathlib.Path)
    source.add_argument("--comity", type=pathlib.Path)
    parser.add_argument("--venv", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "comity-interop-venv")
    parser.add_argument("--seed", type=int, default=663)
    return parser.parse_args()


def enter_venv(where):
    """Makes the environment once per content of requirements.txt and runs this script again inside it."""
    python = where / "bin" / "python"
    stamp = where / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(where, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]
        if subprocess.run(install).returncode != 0:
            print("interop: UNAVAILABLE, the libraries could not be installed", file=sys.stderr)
            sys.exit(NOTHING_RAN)
        stamp.write_text(wanted)
    environment = dict(os.environ, COMITY_INTEROP_VENV=str(where))
    sys.exit(subprocess.run([python, __file__, *sys.argv[1:]], env=environment).returncode)


ARGS = arguments()
if "COMITY_INTEROP_VENV" not in os.environ:
    enter_venv(ARGS.venv.resolve())

from jwcrypto.common import base64url_decode, base64url_encode  # noqa: E402
from jwcrypto.jwk import JWK  # noqa: E402
from jwcrypto.jws import JWS  # noqa: E402
from sd_jwt.common import SDObj  # noqa: E402
from sd_jwt.holder import SDJWTHolder  # noqa: E402
from sd_jwt.issuer import SDJWTIssuer  # noqa: E402
from sd_jwt.verifier import SDJWTVerifier  # noqa: E402

sys.dont_write_bytecode = True  # nothing is left in the source tree
import chain  # noqa: E402

NOW = int(time.time())
AUD, NONCE = "https://changshan.example", "window-7-nonce"


class Tally:
    """Counts checks and prints the ones that failed."""

    def __init__(self):
        self.accepted = self.refused = 0
        self.failures = []

    def fail(self, name, why):
        self.failures.append(name)
        print(f"FAIL {name}: {why}")


TALLY = Tally()
SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="comity-interop-"))


def scratch(name, content):
    path = SCRATCH / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def run(command, token, *options):
    """One call of comity-verify, with the object on standard input."""
    call = [ARGS.comity_verify, command, *options, "-"]
    return subprocess.run(call, input=token.encode(), capture_output=True, timeout=60)


def accepts(name, command, token, *options, expect=None):
    done = run(command, token, *options)
    if done.returncode != 0:
        return TALLY.fail(name, f"refused: {done.stderr.decode().strip()}")
    try:
        got = json.loads(done.stdout)
    except ValueError:
        return TALLY.fail(name, f"printed no JSON: {done.stdout[:80]!r}")
    if expect is not None and got != expect:
        return TALLY.fail(name, f"content differs: {got} instead of {expect}")
    TALLY.accepted += 1
    return got


def refuses(name, rule, command, token, *options):
    """Refused with exit code 1 and, unless there may be several reasons (`None`), by this rule."""
    done = run(command, token, *options)
    said = done.stderr.decode()
    if done.returncode != 1:
        return TALLY.fail(name, f"exit code {done.returncode} instead of 1: {said.strip()}")
    if rule is not None and f"[{rule}]" not in said:
        return TALLY.fail(name, f"refused for another reason than {rule}: {said.strip()}")
    TALLY.refused += 1


def public_set(*keys):
    return {"keys": [key.export_public(as_dict=True) for key in keys]}


def ed25519(kid=None):
    key = JWK.generate(kty="OKP", crv="Ed25519")
    key["kid"] = kid or key.thumbprint()
    return key


def p256(kid):
    return JWK.generate(kty="EC", crv="P-256", kid=kid)


def sign(key, header, payload):
    token = JWS(payload if isinstance(payload, (str, bytes)) else json.dumps(payload, ensure_ascii=False))
    token.add_signature(key, alg=header["alg"], protected=json.dumps(header))
    return token.serialize(compact=True)


def altered(token, part):
    """The token with one character of one part changed, at a place where every bit counts."""
    parts = token.split(".")
    text = parts[part]
    at = len(text) // 2
    parts[part] = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
    return ".".join(parts)


def jws_forwards():
    key, other = ed25519(), ed25519()
    kid = key["kid"]
    jwks = scratch("jws-jwks.json", public_set(key, other))
    single = scratch("jws-single.json", key.export_public())
    payload = {"iss": "https://yushan.example", "iat": NOW, "姓名": "示例一", "n": [1, -2, {"x": None}]}
    header = {"alg": "EdDSA", "kid": kid, "typ": "JWT"}
    token = sign(key, header, payload)
    accepts("jws.eddsa", "jws", token, "--jwks", jwks, expect={"header": header, "payload": payload})
    accepts("jws.typ", "jws", token, "--jwks", jwks, "--typ", "JWT")
    accepts("jws.comity", "jws", token, "--jwks", jwks, "--typ", "JWT", "--profile", "comity")
    plain = sign(key, {"alg": "EdDSA"}, "Example of Ed25519 signing")
    accepts("jws.text", "jws", plain, "--jwks", single, expect={"header": {"alg": "EdDSA"}, "payload": "Example of Ed25519 signing"})
    phone = p256("phone")
    both = scratch("jws-both.json", public_set(key, phone))
    accepts("jws.es256", "jws", sign(phone, {"alg": "ES256", "kid": "phone"}, payload), "--jwks", both)

    def bad(name, rule, token, *options):
        refuses(f"jws.{name}", rule, "jws", token, "--jwks", jwks, *options)

    bad("altered-payload", "jws.signature", ".".join([token.split(".")[0], base64url_encode('{"iat":1}'), token.split(".")[2]]))
    bad("altered-signature", "jws.signature", altered(token, 2))
    bad("other-key", "jws.signature", sign(other, header, payload))
    bad("unknown-kid", "jws.unknown-key", sign(ed25519("nobody"), {"alg": "EdDSA", "kid": "nobody"}, payload))
    bad("no-kid-two-keys", "jws.kid", sign(key, {"alg": "EdDSA"}, payload))
    bad("typ", "jws.typ", token, "--typ", "statuslist+jwt")
    bad("padding", "jws.signature-form", token + "=")
    bad("duplicate-name", "jws.duplicate-name", sign(key, header, '{"a":1,"\\u0061":2}'))
    bad("big-number", "jws.number", sign(key, header, '{"a":18446744073709551616}'))
    bad("comity-extra-member", "jws.header-member", sign(key, header | {"cty": "json"}, payload), "--typ", "JWT", "--profile", "comity")
    for member, value in [("jku", "https://evil.example"), ("x5u", "https://evil.example"), ("jwk", key.export_public(as_dict=True))]:
        bad(member, "jws.header-member", sign(key, header | {member: value}, payload))
    protected = base64url_encode(json.dumps({"alg": "none", "kid": kid}))
    bad("none", "jws.alg", f"{protected}.{token.split('.')[1]}.")
    secret = JWK(kty="oct", k=base64url_encode(key.export_public()))
    bad("hmac-with-public-key", "jws.alg", sign(secret, {"alg": "HS256", "kid": kid}, payload))
    weak = scratch("jws-weak.json", {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": base64url_encode(b"\x01" + b"\0" * 31)}]})
    refuses("jws.weak-key", "key.small-order", "jws", token, "--jwks", weak)


class Verifier(SDJWTVerifier):
    """The library's verifier, told the algorithm of the holder's key: its own default knows ES256 only."""

    def _verify_key_binding_jwt(self, expected_aud=None, expected_nonce=None, sign_alg=None):
        jwk = (self._holder_public_key_payload or {}).get("jwk", {})
        alg = "EdDSA" if jwk.get("kty") == "OKP" else "ES256"
        super()._verify_key_binding_jwt(expected_aud, expected_nonce, alg)


def library_claims(presented, key, aud=None, nonce=None):
    return Verifier(presented, lambda issuer, header: key, aud, nonce).get_verified_payload()


def permit_claims():
    """A permit with claims hidden in every way the format knows."""
    return {
        "iss": "https://yushan.example",
        "iat": NOW,
        "exp": NOW + 86_400,
        "vct": "urn:comity:vct:residence-permit:1",
        SDObj("name"): "示例·居民",
        SDObj("tier"): "A",
        SDObj("residence"): {SDObj("street"): "示例路 1 号", "region": "361123"},
        "insurance": {SDObj("months"): 13, "as_of": "1899-12-31"},
        SDObj("periods"): [{"from": "1890-01-01"}, SDObj({"from": "1891-01-01", SDObj("to"): "1892-01-01"})],
        "tags": ["open", SDObj("hidden"), SDObj(["deep", SDObj("deeper")])],
    }


SELECTIONS = {
    "all": {"name": True, "tier": True, "residence": {"street": True}, "insurance": {"months": True},
            "periods": [None, {"to": True}], "tags": [None, True, [None, True]]},
    "some": {"name": True, "residence": True, "periods": True, "tags": [None, True]},
    "none": {},
}


def sd_jwt_forwards():
    for issuer_alg, issuer in [("EdDSA", ed25519()), ("ES256", p256("issuer"))]:
        for holder_alg, holder in [(None, None), ("ES256", p256("holder")), ("EdDSA", ed25519())]:
            for decoys in [False, True]:
                sd_jwt_case(issuer, issuer_alg, holder, holder_alg, decoys)


def sd_jwt_case(issuer, issuer_alg, holder, holder_alg, decoys):
    title = f"sd-jwt.{issuer_alg}.{holder_alg or 'unbound'}.{'decoys' if decoys else 'plain'}"
    jwks = scratch("sd-jwks.json", public_set(issuer))
    made = SDJWTIssuer(
        permit_claims(), issuer, holder, sign_alg=issuer_alg, add_decoy_claims=decoys,
        extra_header_parameters={"typ": "dc+sd-jwt", "kid": issuer["kid"]},
    )
    issuance = made.sd_jwt_issuance
    options = ["--jwks", jwks, "--typ", "dc+sd-jwt"]
    accepts(f"{title}.issued", "sd-jwt", issuance, *options, expect=library_claims(issuance, issuer))
    challenge = ["--aud", AUD, "--nonce", NONCE]
    for chosen, selection in SELECTIONS.items():
        wallet = SDJWTHolder(issuance)
        wallet.create_presentation(selection, *((NONCE, AUD, holder, holder_alg) if holder else ()))
        shown = wallet.sd_jwt_presentation
        more = challenge if holder else []
        expect = library_claims(shown, issuer, *((AUD, NONCE) if holder else ()))
        accepts(f"{title}.{chosen}", "sd-jwt", shown, *options, *more, expect=expect)

    wallet = SDJWTHolder(issuance)
    wallet.create_presentation(SELECTIONS["all"], *((NONCE, AUD, holder, holder_alg) if holder else ()))
    shown = wallet.sd_jwt_presentation

    def bad(name, rule, token, *more):
        refuses(f"{title}.{name}", rule, "sd-jwt", token, *options, *more)

    jwt, *disclosures, binding = shown.split("~")
    join = lambda *parts: "~".join(parts)  # noqa: E731
    bad("altered-issuer-signature", "jws.signature", join(altered(jwt, 2), *disclosures, ""))
    bad("disclosure-twice", "sd-jwt.repeated-digest", join(jwt, *disclosures, disclosures[0], ""))
    foreign = base64url_encode(json.dumps(["salt", "tier", "Z"]))
    bad("foreign-disclosure", "sd-jwt.unreferenced", join(jwt, *disclosures, foreign, ""))
    swapped = base64url_encode(base64url_decode(disclosures[0]) + b" ")
    bad("altered-disclosure", "sd-jwt.unreferenced", join(jwt, swapped, *disclosures[1:], ""))
    parent = next(i for i, d in enumerate(disclosures) if json.loads(base64url_decode(d))[1] == "residence")
    orphaned = [d for i, d in enumerate(disclosures) if i != parent]
    bad("child-without-parent", "sd-jwt.unreferenced", join(jwt, *orphaned, ""))
    bad("no-final-tilde", "kb.malformed", join(jwt, *disclosures))
    bad("expired", "sd-jwt.expired", join(jwt, *disclosures, ""), "--at", str(NOW + 90_000))
    if holder:
        bad("stripped-binding", "kb.missing", join(jwt, *disclosures, ""), *challenge)
        bad("other-audience", "kb.aud", shown, "--aud", "https://other.example", "--nonce", NONCE)
        bad("other-nonce", "kb.nonce", shown, "--aud", AUD, "--nonce", "another")
        bad("old-binding", "kb.iat", shown, *challenge, "--at", str(NOW + 1000))
        bad("fewer-disclosures", "kb.sd-hash", join(jwt, binding), *challenge)
        bad("altered-binding", "kb.signature", join(jwt, *disclosures, altered(binding, 2)), *challenge)
        thief = p256("thief") if holder_alg == "ES256" else ed25519()
        stolen = SDJWTHolder(issuance)
        stolen.create_presentation(SELECTIONS["all"], NONCE, AUD, thief, holder_alg)
        bad("thief", "kb.signature", stolen.sd_jwt_presentation, *challenge)


def pack(values, bits):
    packed = bytearray(-(-len(values) * bits // 8))
    for index, value in enumerate(values):
        packed[index * bits // 8] |= value << (index * bits % 8)
    return bytes(packed)


def unpack(packed, bits):
    mask = (1 << bits) - 1
    return [(byte >> shift) & mask for byte in packed for shift in range(0, 8, bits)]


def status_forwards(rng):
    key = ed25519()
    jwks = scratch("status-jwks.json", public_set(key))

    def token(bits, stream, **claims):
        payload = {
            "iss": "https://yushan.example", "sub": "https://yushan.example/status/1", "iat": NOW, "exp": NOW + 3600,
            "ttl": 900, "status_list": {"bits": bits, "lst": base64url_encode(stream)},
        }
        return sign(key, {"alg": "EdDSA", "kid": key["kid"], "typ": "statuslist+jwt"}, payload | claims)

    for bits in (1, 2, 4, 8):
        for size in (8, 1000, 131_072):
            name = f"status-list.{bits}-bits.{size}"
            values = [rng.randrange(1, 1 << bits) if rng.random() < 0.02 else 0 for _ in range(size)]
            values[0] = 1
            stream = zlib.compress(pack(values, bits), 9)
            signed = token(bits, stream)
            nonzero = {str(i): v for i, v in enumerate(values) if v}
            got = accepts(f"{name}.all", "status-list", signed, "--jwks", jwks, "--all", "--json")
            if got is not None and (got["bits"], got["entries"], got["nonzero"]) != (bits, size, nonzero):
                TALLY.fail(f"{name}.content", "entries differ")
            bare = json.dumps({"bits": bits, "lst": base64url_encode(stream)})
            got = accepts(f"{name}.bare", "status-list", bare, "--all", "--json")
            if got is not None and got["nonzero"] != nonzero:
                TALLY.fail(f"{name}.bare-content", "entries differ")
            index = rng.randrange(size)
            accepts(f"{name}.index", "status-list", signed, "--jwks", jwks, "--index", str(index), expect=values[index])
            refuses(f"{name}.outside", "status-list.index", "status-list", signed, "--jwks", jwks, "--index", str(size))

    stream = zlib.compress(pack([1, 2, 0, 3] * 64, 2), 9)
    signed = token(2, stream)
    options = ["--jwks", jwks, "--all", "--json"]
    accepts("status-list.twin", "status-list", signed, *options)
    broken = bytearray(stream)
    broken[-1] ^= 1
    cases = [
        ("altered-signature", "jws.signature", altered(signed, 2)),
        ("trailing", "status-list.trailing-data", token(2, stream + b"\0")),
        ("truncated", "status-list.truncated", token(2, stream[:-1])),
        ("checksum", "status-list.compression", token(2, bytes(broken))),
        ("raw-deflate", "status-list.compression", token(2, stream[2:-4])),
        ("bits-3", "status-list.bits", token(3, stream)),
        ("empty", "status-list.empty", token(2, zlib.compress(b""))),
        ("bomb", "budget", token(2, zlib.compress(bytes(64 << 20), 9))),
        ("expired", "status-list.expired", token(2, stream, iat=NOW - 100, exp=NOW - 1)),
        ("ttl", "status-list.times", token(2, stream, ttl=0)),
        ("no-sub", "jws.claims", token(2, stream, sub=None)),
        ("typ", "jws.typ", sign(key, {"alg": "EdDSA", "kid": key["kid"], "typ": "JWT"}, {"sub": "x"})),
    ]
    for name, rule, bad in cases:
        refuses(f"status-list.{name}", rule, "status-list", bad, *options)
    bare = json.dumps({"bits": 2, "lst": base64url_encode(stream)})
    refuses("status-list.unsigned", "status-list.unsigned", "status-list", bare, *options)


def library_accepts(name, verify):
    try:
        got = verify()
    except Exception as error:  # the library raises many kinds
        TALLY.fail(name, f"the library refuses: {error!r}")
        return None
    TALLY.accepted += 1
    return got


def library_refuses(name, verify):
    try:
        verify()
    except Exception:  # any refusal is one
        TALLY.refused += 1
        return
    TALLY.fail(name, "the library accepts the tampered twin")


def library_payload(token, keys):
    jws = JWS()
    jws.deserialize(token)
    jws.verify(keys[jws.jose_header["kid"]])
    return jws.payload


class Nodes:
    """What running nodes emitted, verified from the anchor's key down, by the libraries and by comity-verify."""

    def __init__(self, directory):
        self.directory = directory
        self.anchor = json.loads((directory / "anchor.json").read_text())
        self.counties = json.loads((directory / "stage.json").read_text())["counties"]
        self.tokens = {path.name: path.read_text().strip() for path in sorted((directory / "chain").glob("*.jwt"))}
        self.keys = {}  # entity → purpose → kid → key
        self.lists = {}  # address → (token, issuer)

    def verify(self):
        found = library_accepts("nodes.chain", lambda: self.walk(self.tokens))
        if found is None:
            return
        self.keys = found
        self.chain_twins()
        for path in sorted(self.directory.glob("chain/*.member-list.jws")):
            self.jws(path, "federation", "comity-member-list+jwt")
        for path in sorted(self.directory.glob("*.receipt.jws")):
            self.jws(path, "receipt", "comity-receipt+jwt")
        for county in self.counties:
            self.issuer_metadata(county)
        for path in sorted(self.directory.glob("*.status.jwt")):
            self.status_list(path)
        for path in sorted(self.directory.glob("*.sd-jwt")):
            self.attestation(path)
        for path in sorted(self.directory.glob("*.agreement.json")):
            self.agreement(path)
        for path in sorted(self.directory.glob("*.lookup.says.json")):
            self.lookup(path)
        self.of_one_size()

    def walk(self, tokens):
        """Keys of every entity by purpose; raises where the chain does not hold."""
        statements = chain.Chain(self.anchor, tokens.values())
        keys = {self.anchor["entity"]: {"federation": statements.authorities()}}
        for county in self.counties:
            claims = json.loads(base64url_decode(tokens[f"{county['region']}.configuration.jwt"].split(".")[1]))
            province = claims["authority_hints"][0]
            keys[county["entity"]], above = statements.county(county["entity"], province)
            keys[province] = {"federation": above}
        return keys

    def chain_twins(self):
        """Every statement altered, signed by a stranger, or put in another's place."""
        stranger = ed25519()
        for name, token in self.tokens.items():
            claims = json.loads(base64url_decode(token.split(".")[1]))
            signers = self.keys[claims["iss"]]["federation"].values()
            options = ["--jwks", scratch("chain-jwks.json", public_set(*signers))]
            options += ["--profile", "comity", "--typ", chain.TYP]
            accepts(f"nodes.{name}", "jws", token, *options)
            forged = sign(stranger, {"alg": "EdDSA", "kid": stranger["kid"], "typ": chain.TYP}, claims)
            borrowed = sign(stranger, {"alg": "EdDSA", "kid": next(iter(signers))["kid"], "typ": chain.TYP}, claims)
            for twin, rule, bad in [
                ("altered-signature", "jws.signature", altered(token, 2)),
                ("altered-payload", None, altered(token, 1)),
                ("stranger", "jws.unknown-key", forged),
                ("borrowed-kid", "jws.signature", borrowed),
            ]:
                refuses(f"nodes.{name}.{twin}", rule, "jws", bad, *options)
                library_refuses(f"nodes.{name}.{twin}", lambda: self.walk(self.tokens | {name: bad}))
            if name[0].isdigit():
                swapped = {name: self.other(name)}
                library_refuses(f"nodes.{name}.swapped", lambda: self.walk(self.tokens | swapped))

    def other(self, name):
        """The same document of the other county."""
        region = name[:6]
        return self.tokens[next(c["region"] for c in self.counties if c["region"] != region) + name[6:]]

    def jws(self, path, purpose, typ):
        token, name = path.read_text().strip(), f"nodes.{path.name}"
        keys = self.keys[json.loads(base64url_decode(token.split(".")[1]))["iss"]][purpose]
        library_accepts(name, lambda: chain.read(token, keys, typ))
        options = ["--jwks", scratch("node-jwks.json", public_set(*keys.values())), "--profile", "comity", "--typ", typ]
        accepts(name, "jws", token, *options)
        for twin, rule, part in [("altered-signature", "jws.signature", 2), ("altered-payload", None, 1)]:
            library_refuses(f"{name}.{twin}", lambda: chain.read(altered(token, part), keys, typ))
            refuses(f"{name}.{twin}", rule, "jws", altered(token, part), *options)

    def lookup(self, path):
        """A question of one county and the answer of the other, each under its exchange key, tied together by a digest."""
        stem = path.name.removesuffix(".lookup.says.json")
        says = json.loads(path.read_text())
        ask, told = ((self.directory / f"{stem}.lookup-{part}.jws").read_text().strip() for part in ("request", "response"))
        name = f"nodes.{stem}.lookup"
        asker, issuer = says["asker"], says["issuer"]
        keys = {"request": self.keys[asker]["exchange"], "response": self.keys[issuer]["exchange"]}
        typ = {part: f"comity-verification-{part}+jwt" for part in keys}

        def read(request, response):
            asked = chain.read(request, keys["request"], typ["request"])
            answer = chain.read(response, keys["response"], typ["response"])
            chain.demand((asked["iss"], asked["aud"]) == (answer["aud"], answer["iss"]) == (asker, issuer), "between others")
            chain.demand(asked["agreement"] == answer["agreement"], "another agreement")
            chain.demand(asked["environment"] == answer["environment"] == self.anchor["environment"], "environments")
            digest = base64url_encode(hashlib.sha256(request.encode()).digest())
            chain.demand(answer["in_reply_to"] == digest, "the answer to another question")
            chain.demand(0 < asked["exp"] - asked["iat"] <= 60 and 0 < answer["exp"] - answer["iat"] <= 900, "too long")
            chain.demand(answer["result"] == says["result"], f"result {answer['result']}")
            told_of = says["claims"] is not None
            chain.demand(("claims" in answer, "permit_state" in answer) == (told_of, told_of), "tells too much or too little")
            chain.demand(not told_of or answer["claims"] == says["claims"], f"claims {answer.get('claims')}")
            chain.demand(not told_of or set(answer["claims"]) <= set(asked["claims"]), "more than was asked")
            chain.demand(len(response) == 4096, f"{len(response)} octets")
            return answer

        answer = library_accepts(name, lambda: read(ask, told))
        if answer is None:
            return
        for part, token in (("request", ask), ("response", told)):
            signers = scratch("lookup-jwks.json", public_set(*keys[part].values()))
            options = ["--jwks", signers, "--profile", "comity", "--typ", typ[part]]
            accepts(f"{name}-{part}", "jws", token, *options)
            kid = next(iter(keys[part]))
            claims = json.loads(base64url_decode(token.split(".")[1]))
            borrowed = sign(ed25519(), {"alg": "EdDSA", "kid": kid, "typ": typ[part]}, claims)
            for twin, rule, bad in [
                ("altered-signature", "jws.signature", altered(token, 2)),
                ("altered-payload", None, altered(token, 1)),
                ("borrowed-kid", "jws.signature", borrowed),
                ("other-part", None, told if part == "request" else ask),
            ]:
                refuses(f"{name}-{part}.{twin}", rule, "jws", bad, *options)
                pair = (bad, told) if part == "request" else (ask, bad)
                library_refuses(f"{name}-{part}.{twin}", lambda: read(*pair))
        # Both are in order; they do not belong together. Our own verifier is asked about this one by the demonstration.
        others = [other for other in self.directory.glob("*.lookup-response.jws") if not other.name.startswith(f"{stem}.")]
        if not others:
            TALLY.fail(f"{name}.swapped", "there is no other answer to put in its place")
        for other in others:
            library_refuses(f"{name}.swapped", lambda: read(ask, other.read_text().strip()))

    def of_one_size(self):
        """Somebody on record and nobody on record: one size, so that the channel tells nothing."""
        answers = [path.read_text().strip() for path in self.directory.glob("*.lookup-response.jws")]
        results = {json.loads(base64url_decode(answer.split(".")[1]))["result"] for answer in answers}
        if results != {"match", "no_match"} or len({len(answer) for answer in answers}) != 1:
            return TALLY.fail("nodes.lookup.sizes", f"{sorted(results)}, {[len(answer) for answer in answers]}")
        TALLY.accepted += 1

    def issuer_metadata(self, county):
        """Ordinary libraries read attestation keys here: they have to be those of the chain."""
        published = json.loads((self.directory / f"{county['region']}.jwt-vc-issuer.json").read_text())
        same = sorted(chain.key_set(published["jwks"])) == sorted(self.keys[county["entity"]]["attestation"])
        if not same or published["issuer"] != county["entity"]:
            return TALLY.fail(f"nodes.{county['region']}.jwt-vc-issuer", "other keys than the chain's")
        TALLY.accepted += 1

    def status_list(self, path):
        token, name = path.read_text().strip(), f"nodes.{path.name}"
        issuer = json.loads(base64url_decode(token.split(".")[1]))["iss"]
        keys = self.keys[issuer]["status"]
        claims = library_accepts(name, lambda: chain.read(token, keys, "statuslist+jwt"))
        if claims is None:
            return
        self.lists[claims["sub"]] = (token, issuer)
        listed = claims["status_list"]
        values = unpack(zlib.decompress(base64url_decode(listed["lst"])), listed["bits"])
        options = ["--jwks", scratch("node-status-jwks.json", public_set(*keys.values())), "--all", "--json"]
        got = accepts(name, "status-list", token, *options)
        if got is not None and got["nonzero"] != {str(i): v for i, v in enumerate(values) if v}:
            TALLY.fail(f"{name}.entries", "library and comity-verify read different entries")
        stranger = ed25519()
        header = {"alg": "EdDSA", "kid": next(iter(keys)), "typ": "statuslist+jwt"}
        cleared = claims | {"status_list": listed | {"lst": base64url_encode(zlib.compress(bytes(len(values) * listed["bits"] // 8)))}}
        for twin, rule, bad in [
            ("altered-signature", "jws.signature", altered(token, 2)),
            ("altered-payload", None, altered(token, 1)),
            ("cleared", "jws.signature", sign(stranger, header, cleared)),
        ]:
            library_refuses(f"{name}.{twin}", lambda: chain.read(bad, keys, "statuslist+jwt"))
            refuses(f"{name}.{twin}", rule, "status-list", bad, *options)

    def attestation(self, path):
        token, name = path.read_text().strip(), f"nodes.{path.name}"
        says = json.loads(path.with_suffix(".says.json").read_text())
        keys = self.keys[says["claims"]["iss"]]["attestation"]
        jwks = scratch("node-sd-jwks.json", public_set(*keys.values()))
        options = ["--jwks", jwks, "--profile", "comity", "--typ", "dc+sd-jwt"]
        claims = library_accepts(name, lambda: self.library_reads(token, keys, says["claims"]))
        if claims is None:
            return
        accepts(name, "sd-jwt", token, *options, expect=claims)
        self.status_of(name, claims, says["status"])
        jwt, *disclosures, _ = token.split("~")
        join = lambda *parts: "~".join([*parts, ""])  # noqa: E731
        at = next(i for i, d in enumerate(disclosures) if json.loads(base64url_decode(d))[1] == "name")
        salt, _, value = json.loads(base64url_decode(disclosures[at]))
        renamed = base64url_encode(json.dumps([salt, "name", f"{value}二"], ensure_ascii=False))
        header, payload, signature = jwt.split(".")
        moved = json.loads(base64url_decode(payload)) | {"exp": claims["exp"] + 86_400}
        later = ".".join([header, base64url_encode(json.dumps(moved)), signature])
        for twin, rule, bad in [
            ("altered-signature", "jws.signature", join(altered(jwt, 2), *disclosures)),
            ("later-exp", "jws.signature", join(later, *disclosures)),
            ("renamed", "sd-jwt.unreferenced", join(jwt, *disclosures[:at], renamed, *disclosures[at + 1 :])),
            ("disclosure-twice", "sd-jwt.repeated-digest", join(jwt, *disclosures, disclosures[at])),
        ]:
            refuses(f"{name}.{twin}", rule, "sd-jwt", bad, *options)
            library_refuses(f"{name}.{twin}", lambda: self.library_reads(bad, keys, says["claims"]))
        wrong = scratch("node-other-jwks.json", public_set(ed25519()))
        refuses(f"{name}.other-issuer", "jws.unknown-key", "sd-jwt", token, "--jwks", wrong, *options[2:])

    @staticmethod
    def library_reads(token, keys, expected):
        """What the library makes of it: an error, or claims among which the expected ones have to be."""
        header = json.loads(base64url_decode(token.split(".")[0]))
        chain.demand(header["kid"] in keys and header["typ"] == "dc+sd-jwt", "kid or typ")
        claims = library_claims(token, keys[header["kid"]])
        differing = {name: claims.get(name) for name, value in expected.items() if claims.get(name) != value}
        chain.demand(not differing, f"claims differ from the register: {differing}")
        return claims

    def status_of(self, name, claims, expected):
        """Follows the attestation to its status list, as a relying party does."""
        reference = claims["status"]["status_list"]
        if reference["uri"] not in self.lists:
            return TALLY.fail(f"{name}.status", f"no verified list at {reference['uri']}")
        token, issuer = self.lists[reference["uri"]]
        listed = json.loads(base64url_decode(token.split(".")[1]))["status_list"]
        value = unpack(zlib.decompress(base64url_decode(listed["lst"])), listed["bits"])[reference["idx"]]
        if issuer != claims["iss"] or value != expected:
            return TALLY.fail(f"{name}.status", f"{value} by {issuer} instead of {expected}")
        TALLY.accepted += 1
        jwks = scratch("node-status-jwks.json", public_set(*self.keys[issuer]["status"].values()))
        accepts(f"{name}.status", "status-list", token, "--jwks", jwks, "--index", str(reference["idx"]), expect=expected)

    def agreement(self, path):
        """One signature of each party, by a key that the agreement pins and the chain knows."""
        signed, name = json.loads(path.read_text()), f"nodes.{path.name}"
        parties = [county["entity"] for county in self.counties]
        keys = {kid: key for party in parties for kid, key in self.keys[party]["federation"].items()}

        def kids(payload):
            read = []
            for one in signed["signatures"]:
                jws = JWS()
                jws.deserialize(f"{one['protected']}.{payload}.{one['signature']}")
                jws.verify(keys[jws.jose_header["kid"]])
                read.append(jws.jose_header["kid"])
            chain.demand(len(set(read)) == len(parties), "not every party signed")

        library_accepts(name, lambda: kids(signed["payload"]))
        terms = json.loads(base64url_decode(signed["payload"])) | {"notice_days": 1}
        library_refuses(f"{name}.other-terms", lambda: kids(base64url_encode(json.dumps(terms))))


def demonstration(comity):
    """Runs the demonstration of two counties; the folder with what its nodes emitted."""
    folder = SCRATCH / "emitted"
    call = [comity, "demo", "--check", "--json", "--emit", folder, "--observer", HERE / "listeners.py"]
    done = subprocess.run(call, stdout=subprocess.PIPE, timeout=900)
    if done.returncode != 0:
        TALLY.fail("demonstration", f"exit code {done.returncode}")
    return folder


def backwards(directory):
    """Verifies what our side made, by the libraries alone."""
    if (directory / "stage.json").exists():
        return Nodes(directory).verify()
    keys = {jwk["kid"]: JWK(**jwk) for jwk in json.loads((directory / "jwks.json").read_text())["keys"]}
    for kid, key in keys.items():
        if kid != key.thumbprint():
            TALLY.fail(f"emitted.kid.{kid}", "kid is not the RFC 7638 thumbprint")
    beside = lambda path, suffix, kind: path.with_name(path.name.removesuffix(suffix) + kind)  # noqa: E731
    for path in sorted(directory.glob("*.jws")):
        token = path.read_text().strip()
        library_accepts(f"emitted.{path.name}", lambda: library_payload(token, keys))
        library_refuses(f"emitted.{path.name}.altered-signature", lambda: library_payload(altered(token, 2), keys))
        library_refuses(f"emitted.{path.name}.altered-payload", lambda: library_payload(altered(token, 1), keys))
    for path in sorted(directory.glob("*.sd-jwt")):
        token = path.read_text().strip()
        kb = beside(path, ".sd-jwt", ".kb.json")
        challenge = json.loads(kb.read_text()) if kb.exists() else {}
        pair = (challenge.get("aud"), challenge.get("nonce"))
        find = lambda t: keys[json.loads(base64url_decode(t.split(".")[0]))["kid"]]  # noqa: E731
        claims = library_accepts(f"emitted.{path.name}", lambda: library_claims(token, find(token), *pair))
        expected = beside(path, ".sd-jwt", ".claims.json")
        if claims is not None and expected.exists() and claims != json.loads(expected.read_text()):
            TALLY.fail(f"emitted.{path.name}.claims", f"processed claims differ: {claims}")
        jwt, *rest = token.split("~")
        library_refuses(f"emitted.{path.name}.altered-signature", lambda: library_claims("~".join([altered(jwt, 2), *rest]), find(token), *pair))
        if challenge:
            library_refuses(f"emitted.{path.name}.other-nonce", lambda: library_claims(token, find(token), pair[0], "another"))
            fewer = "~".join([jwt, rest[-1]])
            library_refuses(f"emitted.{path.name}.fewer-disclosures", lambda: library_claims(fewer, find(token), *pair))
    for path in sorted(directory.glob("*.status.jwt")):
        token = path.read_text().strip()
        payload = library_accepts(f"emitted.{path.name}", lambda: json.loads(library_payload(token, keys)))
        library_refuses(f"emitted.{path.name}.altered-signature", lambda: library_payload(altered(token, 2), keys))
        expected = beside(path, ".status.jwt", ".nonzero.json")
        if payload is not None and expected.exists():
            listed = payload["status_list"]
            values = unpack(zlib.decompress(base64url_decode(listed["lst"])), listed["bits"])
            if {str(i): v for i, v in enumerate(values) if v} != json.loads(expected.read_text()):
                TALLY.fail(f"emitted.{path.name}.entries", "entries differ")


def main():
    if not ARGS.comity_verify.is_file():
        print(f"interop: {ARGS.comity_verify} is not there", file=sys.stderr)
        return NOTHING_RAN
    random.seed(ARGS.seed)
    jws_forwards()
    sd_jwt_forwards()
    status_forwards(random.Random(ARGS.seed))
    emitted = demonstration(ARGS.comity.resolve()) if ARGS.comity else ARGS.emitted
    if emitted and not TALLY.failures:
        before = TALLY.accepted
        backwards(emitted)
        if TALLY.accepted == before and not TALLY.failures:
            print(f"interop: nothing to verify in {emitted}", file=sys.stderr)
            return NOTHING_RAN
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jwcrypto", "sd-jwt"))
    directions = "both directions" if emitted else "forwards only"
    print(
        f"interop: {TALLY.accepted} accepted and {TALLY.refused} refused as expected, {len(TALLY.failures)} differences"
        f" ({libraries}; {directions})"
    )
    return FAILED if TALLY.failures else 0


sys.exit(main())
