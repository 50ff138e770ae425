"""Digest authentication (RFC 2617, as SIP uses it)."""

import hashlib
import secrets

from sipmessage import AuthCredentials, AuthParameters, Request, Response


def authorize(request: Request, challenge: Response, username: str, password: str) -> None:
    """Put into `request` the credentials that the 401 or 407 in `challenge` asks for."""
    proxy = challenge.proxy_authenticate
    asked = proxy or challenge.www_authenticate
    if asked is None:
        raise ValueError(f"A {challenge.code} without a challenge. Look at the endpoint's auth in pjsip.conf.")
    given = asked.parameters
    realm, nonce, uri = given["realm"], given["nonce"], str(request.uri)
    secret = _md5(username, realm, password)
    what = _md5(request.method, uri)
    answer = {"username": username, "realm": realm, "nonce": nonce, "uri": uri, "algorithm": "MD5"}
    if "auth" in given.get("qop", "").split(","):
        count, cnonce = "00000001", secrets.token_hex(8)
        answer |= {"qop": "auth", "nc": count, "cnonce": cnonce}
        answer["response"] = _md5(secret, nonce, count, cnonce, "auth", what)
    else:
        answer["response"] = _md5(secret, nonce, what)
    if "opaque" in given:
        answer["opaque"] = given["opaque"]
    credentials = AuthCredentials(asked.scheme, AuthParameters(**answer))
    if proxy is None:
        request.authorization = credentials
    else:
        request.proxy_authorization = credentials


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()
