"""The signature, against the example of the convention and against keys that are none."""

import base64

import pytest

from services.alerting.webhook import body_of, key_of, new_secret, sign


def test_the_signature_of_the_convention():
    """The worked example of the Standard Webhooks specification's reference libraries."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_new_secret_is_one():
    assert len(key_of(new_secret())) == 32
    assert new_secret() != new_secret()


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "hunter2", "whsec_" + base64.b64encode(b"short").decode(), "whsec_é"]
)
def test_what_is_no_secret_is_refused_and_not_shown(secret):
    with pytest.raises(ValueError, match="24 to 64 bytes") as error:
        key_of(secret)
    assert not secret or secret not in str(error.value).replace("whsec_ and", "")


def test_a_body_is_bounded():
    with pytest.raises(ValueError, match="at most"):
        body_of({"text": "x" * 300_000})
