#!/usr/bin/env python3
"""Third-party clients at the live listeners of a running federation: curl and openssl s_client.

    listeners.py DIR

DIR holds anchor.json and stage.json, as `comity demo --emit DIR --observer listeners.py` lays them down before it starts this
program. What is public is fetched with curl into DIR, for run.py --emitted: the whole trust chain (chain/), status lists,
issuer metadata, agreements. On the way the transport is looked at (protocol 11): media types, TLS 1.3 and nothing older, no
resumption, and on the federation listener nothing for a client without a pinned certificate.

Exit codes: 0 all as expected, 1 a difference, 2 nothing could be tried. The last line is a summary.
"""

import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

FAILED, NOTHING_RAN = 1, 2
WELL_KNOWN = "/.well-known/openid-federation"
STATEMENT = "application/entity-statement+jwt"
CURL_CONNECT, CURL_UNTRUSTED, CURL_PIN = 35, 60, 90
SECONDS = 30


class Tally:
    def __init__(self):
        self.good, self.failures = 0, []

    def check(self, name, holds, otherwise=""):
        if holds:
            self.good += 1
        else:
            self.failures.append(name)
            print(f"FAIL {name}: {otherwise}")


TALLY = Tally()


def run(*call, sent=b""):
    return subprocess.run([str(part) for part in call], input=sent, capture_output=True, timeout=SECONDS)


class Answer:
    """What curl brought: exit code, status, media type, other headers, body."""

    def __init__(self, url, *options):
        with tempfile.TemporaryDirectory() as scratch:
            body, head = pathlib.Path(scratch, "body"), pathlib.Path(scratch, "head")
            form = "%{http_code} %{http_version} %{content_type}"
            done = run(
                "curl", "--silent", "--show-error", "--ipv4", "--noproxy", "*", "--max-time", SECONDS, "--output", body,
                "--dump-header", head, "--write-out", form, *options, url,
            )
            self.exit, self.said = done.returncode, done.stderr.decode().strip()
            self.status, self.version, self.media = (done.stdout.decode().split(" ", 2) + ["", "", ""])[:3]
            self.body = body.read_bytes() if body.exists() else b""
            lines = head.read_text().splitlines() if head.exists() else []
            self.headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines) if v}

    def __str__(self):
        return f"curl exit {self.exit}, status {self.status}, {self.media or 'no media type'}; {self.said}"

    @property
    def unanswered(self):
        return self.exit != 0 and self.status == "000"


def payload(token):
    """Claims of a token, unverified: this program only follows addresses; run.py verifies what it brought."""
    part = token.decode().split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Public:
    """The public listeners, with the root certificate they were given."""

    def __init__(self, root):
        self.trusting = ("--cacert", root)

    def get(self, name, url, media):
        answer = Answer(url, *self.trusting)
        TALLY.check(f"{name}.answer", (answer.exit, answer.status) == (0, "200"), str(answer))
        TALLY.check(f"{name}.media-type", answer.media.split(";")[0] == media, f"{answer.media!r} instead of {media!r}")
        return answer

    def transport(self, name, entity):
        """TLS of one public listener: 1.3, nothing older, a certificate that has to be trusted, no resumption."""
        url = entity + WELL_KNOWN
        old = Answer(url, *self.trusting, "--tls-max", "1.2")
        TALLY.check(f"{name}.tls-1.2-refused", old.exit == CURL_CONNECT and old.unanswered, str(old))
        stranger = Answer(url)
        TALLY.check(f"{name}.unknown-root", stranger.exit == CURL_UNTRUSTED and stranger.unanswered, str(stranger))
        said = s_client(entity, "-CAfile", self.trusting[1], "-verify_return_error", "-servername", "localhost")
        TALLY.check(f"{name}.tls-1.3", "TLSv1.3" in said and "Verify return code: 0 (ok)" in said, said[-300:])
        TALLY.check(f"{name}.answers-openssl", "HTTP/1.1 404" in said, said[-300:])
        TALLY.check(f"{name}.no-ticket", "New Session Ticket" not in said, "a session ticket arrived")
        said = s_client(entity, "-tls1_2")
        TALLY.check(f"{name}.openssl-tls-1.2-refused", refused(said) and "alert protocol version" in said, said[-300:])


def s_client(entity, *options):
    """One connection of openssl s_client that asks for a page; all it said."""
    at = urllib.parse.urlsplit(entity)
    asked = f"GET / HTTP/1.1\r\nHost: {at.netloc}\r\nConnection: close\r\n\r\n".encode()
    done = run("openssl", "s_client", "-ign_eof", "-connect", f"127.0.0.1:{at.port}", *options, sent=asked)
    return (done.stdout + done.stderr).decode(errors="replace")


def refused(said):
    return "HTTP/1." not in said and "alert" in said


def federation(name, own, peer, pins):
    """The federation listener of `own`: closed to strangers, open to the `peer` that the chain pins."""
    url = own["federation"] + "/"
    with tempfile.TemporaryDirectory() as scratch:
        secret = as_openssl_reads(pathlib.Path(peer["key"]), pathlib.Path(scratch, "member.pem"))
        members(name, own, peer, pins, secret)
    nobody = Answer(url, "--insecure")
    TALLY.check(f"{name}.no-certificate.curl", nobody.unanswered, str(nobody))
    said = s_client(own["federation"], "-tls1_3")
    TALLY.check(f"{name}.no-certificate.openssl", refused(said) and "TLSv1.3" in said, said[-300:])
    said = s_client(own["federation"], "-tls1_2")
    TALLY.check(f"{name}.tls-1.2.openssl", refused(said) and "alert protocol version" in said, said[-300:])
    with tempfile.TemporaryDirectory() as scratch:
        certificate, secret = pathlib.Path(scratch, "crt.pem"), pathlib.Path(scratch, "key.pem")
        made = run(
            "openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", secret, "-out", certificate, "-days", "1",
            "-subj", "/CN=localhost", "-addext", "extendedKeyUsage=clientAuth,serverAuth",
        )
        TALLY.check(f"{name}.stranger-made", made.returncode == 0, made.stderr.decode())
        said = s_client(own["federation"], "-tls1_3", "-cert", certificate, "-key", secret)
        TALLY.check(f"{name}.unlisted-certificate.openssl", refused(said) and "TLSv1.3" in said, said[-300:])
        stranger = Answer(url, "--insecure", "--cert", certificate, "--key", secret)
        TALLY.check(f"{name}.unlisted-certificate.curl", stranger.unanswered, str(stranger))


def members(name, own, peer, pins, secret):
    """What a member of the federation gets: an answer, from the instance that the chain pins and no other."""
    url = own["federation"] + "/"
    pin = {who: "sha256//" + as_curl_reads(pins[who][0]) for who in pins}
    key = ("--cert", peer["certificate"], "--key", secret)
    # A peer knows the other by its pin alone (protocol 11): no root certificate vouches for this listener.
    member = Answer(url, "--insecure", "--pinnedpubkey", pin[own["entity"]], *key)
    TALLY.check(f"{name}.member-answered", (member.exit, member.status) == (0, "404"), str(member))
    TALLY.check(f"{name}.http-1.1", member.version == "1.1", str(member))
    TALLY.check(f"{name}.problem", member.media.split(";")[0] == "application/problem+json", str(member))
    wrong = Answer(url, "--insecure", "--pinnedpubkey", pin[peer["entity"]], *key)
    TALLY.check(f"{name}.other-pin", wrong.exit == CURL_PIN and wrong.unanswered, str(wrong))
    said = s_client(own["federation"], "-tls1_3", "-cert", peer["certificate"], "-key", secret)
    TALLY.check(f"{name}.member-answered.openssl", "HTTP/1.1 404" in said, said[-300:])
    TALLY.check(f"{name}.no-ticket", "New Session Ticket" not in said, "a session ticket arrived")


def as_openssl_reads(key, copy):
    """A private key without the public half of RFC 5958 (version 1), which OpenSSL 3.0 does not read."""
    der = base64.b64decode("".join(line for line in key.read_text().splitlines() if "-----" not in line))
    octets = bytes.fromhex("06032b657004220420")  # id-Ed25519, then the seed in its two octet strings
    seed = der[der.index(octets) + len(octets) :][:32]
    plain = bytes.fromhex("302e0201003005") + octets + seed
    copy.touch(mode=0o600)
    copy.write_text(f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(plain).decode()}\n-----END PRIVATE KEY-----\n")
    return copy


def as_curl_reads(pin):
    """A pin in base64url without padding, as the trust chain has it, in curl's spelling."""
    return base64.b64encode(base64.urlsafe_b64decode(pin + "=" * (-len(pin) % 4))).decode()


def authority(public, name, entity, chain):
    """Fetches what an authority publishes about itself; its endpoints."""
    token = public.get(f"{name}.configuration", entity + WELL_KNOWN, STATEMENT).body
    (chain / f"{name}.configuration.jwt").write_bytes(token)
    claims = payload(token)
    endpoints = claims["metadata"]["federation_entity"]
    listed = public.get(f"{name}.member-list", endpoints["comity_member_list_endpoint"], "application/comity-member-list+jwt")
    (chain / f"{name}.member-list.jws").write_bytes(listed.body)
    public.transport(name, entity)
    return claims, endpoints


def fetch_statement(public, name, endpoints, subject, chain):
    url = f"{endpoints['federation_fetch_endpoint']}?sub={urllib.parse.quote(subject, safe='')}"
    (chain / f"{name}.statement.jwt").write_bytes(public.get(f"{name}.statement", url, STATEMENT).body)
    stranger = f"{endpoints['federation_fetch_endpoint']}?sub=https%3A%2F%2Fstranger.invalid"
    unknown = Answer(stranger, *public.trusting)
    TALLY.check(f"{name}.unknown-subject", unknown.status == "404", str(unknown))


def documents(public, region, entity, folder):
    """What a county publishes besides its configuration."""
    issuer = public.get(f"{region}.jwt-vc-issuer", f"{entity}/.well-known/jwt-vc-issuer", "application/json")
    (folder / f"{region}.jwt-vc-issuer.json").write_bytes(issuer.body)
    index = public.get(f"{region}.status-lists", f"{entity}/status-lists", "application/json")
    for at, uri in enumerate(json.loads(index.body)["status_lists"]):
        name = f"{region}-{at}.status"
        answer = public.get(name, uri, "application/statuslist+jwt")
        (folder / f"{name}.jwt").write_bytes(answer.body)
        tag = answer.headers.get("etag", "")
        again = Answer(uri, *public.trusting, "--header", f"If-None-Match: {tag}")
        # A list may be signed anew between the two: then the tag is another one, and the answer a whole one.
        same = again.status == "304" or (again.status == "200" and again.headers.get("etag") != tag)
        TALLY.check(f"{name}.etag", tag != "" and same, str(again))
    index = public.get(f"{region}.agreements", f"{entity}/agreements", "application/json")
    lines = json.loads(index.body)
    for line in lines if isinstance(lines, list) else lines["agreements"]:
        answer = public.get(f"{region}.agreement", entity + line["path"], "application/jose+json")
        (folder / f"{region}-{line['id']}.agreement.json").write_bytes(answer.body)


def main(folder):
    for program in ("curl", "openssl"):
        if shutil.which(program) is None:
            print(f"listeners: {program} is not there", file=sys.stderr)
            return NOTHING_RAN
    stage = json.loads((folder / "stage.json").read_text())
    anchor = json.loads((folder / "anchor.json").read_text())["entity"]
    chain = folder / "chain"
    chain.mkdir(exist_ok=True)
    public = Public(stage["web_root"])
    _, above = authority(public, "anchor", anchor, chain)
    pins = {}
    for county in stage["counties"]:
        region, entity = county["region"], county["entity"]
        token = public.get(f"{region}.configuration", entity + WELL_KNOWN, STATEMENT).body
        (chain / f"{region}.configuration.jwt").write_bytes(token)
        claims = payload(token)
        pins[entity] = claims["metadata"]["comity_node"]["tls_pins"]
        superior = claims["authority_hints"][0]
        province = f"province-{region[:2]}"
        hints, below = authority(public, province, superior, chain)
        TALLY.check(f"{province}.hints", hints["authority_hints"] == [anchor], str(hints.get("authority_hints")))
        fetch_statement(public, province, above, superior, chain)
        fetch_statement(public, region, below, entity, chain)
        public.transport(region, entity)
        documents(public, region, entity, folder)
    one, other = stage["counties"]
    federation(f"{one['region']}.federation", one, other, pins)
    federation(f"{other['region']}.federation", other, one, pins)
    versions = [run(*call).stdout.decode().split("\n")[0].split(" (")[0] for call in (("curl", "--version"), ("openssl", "version"))]
    print(f"listeners: {TALLY.good} as expected, {len(TALLY.failures)} differences ({', '.join(versions)})")
    return FAILED if TALLY.failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(64)
    sys.exit(main(pathlib.Path(sys.argv[1])))
