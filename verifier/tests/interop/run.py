#!/usr/bin/env python3
"""Interoperability with libraries that share no code with this project: jwcrypto and sd-jwt (OpenWallet).

Forwards: tokens that the libraries make must be accepted by comity-verify with the same content, and each one's tampered
twins must be refused by the rule that the tampering breaks. Backwards (--emitted DIR): tokens that our side made must be
accepted by the libraries, and their tampered twins refused.

    python3 run.py --comity-verify target/debug/comity-verify [--emitted DIR] [--venv DIR]

DIR for --emitted holds jwks.json (public keys, each with kid) and any number of
    NAME.jws          a compact JWS
    NAME.sd-jwt       an SD-JWT; NAME.kb.json {"aud","nonce"} when it has a key binding; NAME.claims.json expected claims
    NAME.status.jwt   a status list token; NAME.nonzero.json expected {index: value}

Exit codes: 0 all as expected, 1 a difference, 2 nothing could be run, 64 usage. The last line is a summary.
"""

import argparse
import hashlib
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
    parser.add_argument("--emitted", type=pathlib.Path)
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
    done = run(command, token, *options)
    said = done.stderr.decode()
    if done.returncode != 1:
        return TALLY.fail(name, f"exit code {done.returncode} instead of 1: {said.strip()}")
    if f"[{rule}]" not in said:
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


def backwards(directory):
    """Verifies what our side made, by the libraries alone."""
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
    if ARGS.emitted:
        before = TALLY.accepted
        backwards(ARGS.emitted)
        if TALLY.accepted == before and not TALLY.failures:
            print(f"interop: nothing to verify in {ARGS.emitted}", file=sys.stderr)
            return NOTHING_RAN
    print(
        f"interop: {TALLY.accepted} accepted and {TALLY.refused} refused as expected, {len(TALLY.failures)} differences"
        f" (jwcrypto, sd-jwt; {'both directions' if ARGS.emitted else 'forwards only'})"
    )
    return FAILED if TALLY.failures else 0


sys.exit(main())
