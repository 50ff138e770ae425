"""The phone's small parts: credentials, sessions, addresses."""

import pytest
from sipmessage import URI, AuthChallenge, Request, Response

from sandbox.layout import claim_network, try_claim
from sandbox.phone.digest import authorize
from sandbox.phone.media import Media, MediaError


def test_credentials_without_qop_are_the_hash_of_secret_nonce_and_request() -> None:
    request = Request("GET", URI.parse("sip:registrar.example"))
    challenge = Response(401, "Unauthorized")
    challenge.www_authenticate = AuthChallenge.parse('Digest realm="r", nonce="n", opaque="o", algorithm=MD5')
    authorize(request, challenge, "ada", "secret")
    assert request.authorization is not None
    assert request.authorization.parameters is not None
    # printf 'ada:r:secret' | md5sum, printf 'GET:sip:registrar.example' | md5sum, and both with the nonce between
    assert request.authorization.parameters["response"] == "e83979162e01c9f62feff5fb0216def1"
    assert request.authorization.parameters["opaque"] == "o"


def test_a_response_without_a_challenge_is_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match=r"pjsip\.conf"):
        authorize(Request("REGISTER", URI.parse("sip:a")), Response(401, "Unauthorized"), "ada", "secret")


async def test_a_session_without_mu_law_is_refused() -> None:
    media = await Media.open("127.0.0.1", tone_hz=None)
    with pytest.raises(MediaError, match="No mu-law audio"):
        media.connect(b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 8\r\n")
    media.close()


def test_a_network_has_one_owner_at_a_time() -> None:
    network = claim_network()
    assert try_claim(network.prefix) is None
    network.release()
    again = try_claim(network.prefix)
    assert again is not None
    again.release()
