"""A trust chain walked by somebody else: jwcrypto checks every signature, from the anchor's key down to a county's keys.

Only what protocol 4 says about linking and double assertion is here: who signed for whom, until when, for which region, and which
keys both the superior and the county state. Anything amiss raises Broken or what the library raises.
"""

import json
import time

from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

TYP = "entity-statement+jwt"
SKEW = 60


class Broken(Exception):
    """The chain does not hold."""


def demand(holds, otherwise):
    if not holds:
        raise Broken(otherwise)


def key_set(jwks):
    """Public keys by their RFC 7638 thumbprint, which is what kid has to be."""
    keys = {jwk["kid"]: JWK(**jwk) for jwk in jwks["keys"]}
    demand(keys, "no keys")
    for kid, key in keys.items():
        demand(kid == key.thumbprint(), f"kid {kid} is not the thumbprint")
        demand((key.get("kty"), key.get("crv")) == ("OKP", "Ed25519"), f"{kid} is no Ed25519 key")
        demand(not key.has_private, f"{kid} is published with its private part")
    return keys


def read(token, keys, typ):
    """The payload of a compact JWS signed by one of the keys."""
    jws = JWS()
    jws.deserialize(token)
    header = jws.jose_header
    demand(sorted(header) == ["alg", "kid", "typ"], f"header members {sorted(header)}")
    demand(header["typ"] == typ, f"typ {header['typ']}")
    demand(header["kid"] in keys, f"unknown kid {header['kid']}")
    jws.verify(keys[header["kid"]])
    return json.loads(jws.payload)


class Chain:
    """The statements by issuer and subject, before anybody has verified them."""

    def __init__(self, anchor, tokens):
        self.anchor = anchor
        self.tokens = {}
        for token in tokens:
            jws = JWS()
            jws.deserialize(token)
            claims = json.loads(jws.objects["payload"])
            self.tokens[claims["iss"], claims["sub"]] = token

    def statement(self, issuer, subject, keys):
        demand((issuer, subject) in self.tokens, f"nothing of {issuer} on {subject}")
        claims = read(self.tokens[issuer, subject], keys, TYP)
        demand((claims["iss"], claims["sub"]) == (issuer, subject), "iss or sub is another one")
        now = time.time()
        demand(claims["iat"] <= now + SKEW and now < claims["exp"], "not in its time")
        demand("metadata_policy" not in claims and "constraints" not in claims, "a policy")
        return claims

    def member(self, superior, subject, keys):
        """A superior's statement and the subject's own word, each with the key it needs."""
        said = self.statement(superior, subject, keys)
        demand(said.get("comity_state", "active") == "active", "not active")
        own_keys = key_set(said["jwks"])
        own = self.statement(subject, subject, own_keys)
        demand(own["authority_hints"] == [superior], "another superior")
        return said, own, {kid: key for kid, key in own_keys.items() if kid in key_set(own["jwks"])}

    def authorities(self):
        """Federation keys of the anchor."""
        keys = key_set(self.anchor["jwks"])
        self.statement(self.anchor["entity"], self.anchor["entity"], keys)
        return keys

    def county(self, county, province):
        """Keys by purpose that both the province and the county state; federation keys of both."""
        said, _, province_keys = self.member(self.anchor["entity"], province, self.authorities())
        demand("comity_region_prefix" in said["crit"], "the prefix is not critical")
        above, own, federation = self.member(province, county, province_keys)
        nodes = [one["metadata"]["comity_node"] for one in (above, own)]
        demand(nodes[0]["region"] == nodes[1]["region"], "two regions")
        demand(nodes[0]["region"].startswith(said["comity_region_prefix"]), "a region of another province")
        demand(nodes[0]["environment"] == nodes[1]["environment"] == self.anchor["environment"], "environments")
        by_purpose = {"federation": federation}
        for purpose, jwks in nodes[1]["keys"].items():
            stated = key_set(nodes[0]["keys"][purpose])
            by_purpose[purpose] = {kid: key for kid, key in key_set(jwks).items() if kid in stated}
            demand(by_purpose[purpose], f"no {purpose} key in both")
        return by_purpose, province_keys
