"""An authenticator in software, and the browser before it: real keys, real attestation and assertion objects."""

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, SYNCABLE, SYNCED, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
_EC2, _ES256, _P256 = 2, -7, 1


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(f"{text}==")


@dataclass
class Authenticator:
    """Holds one discoverable credential, once it has registered; what it signs can be made wrong by its fields.

    `counts`: like a key in hardware, whose counter goes up with every signature; synced ones stay at zero.
    """

    origin: str = "http://127.0.0.1:8080"
    verifies: bool = True
    synced: bool = True
    counts: bool = False
    cross_origin: bool = False
    rp_id: str = ""
    user_handle: bytes = b""
    sign_count: int = 0
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """Do what `navigator.credentials.create` does, and give its answer's `toJSON()`."""
        self.rp_id, self.user_handle = options["rp"]["id"], decode(options["user"]["id"])
        assert _ES256 in [parameter["alg"] for parameter in options["pubKeyCredParams"]]
        excluded = [decode(credential["id"]) for credential in options["excludeCredentials"]]
        assert self.credential_id not in excluded, "InvalidStateError: this authenticator has one already"
        public_key = cbor2.dumps(self.public_key)
        attested = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + public_key
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED) + attested}
        client_data = self._client_data("webauthn.create", options)
        response = {"clientDataJSON": encode(client_data), "attestationObject": encode(cbor2.dumps(attestation))}
        return self._answer({**response, "transports": ["internal"]})

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Do what `navigator.credentials.get` does, and give its answer's `toJSON()`."""
        self.sign_count += self.counts
        client_data, data = self._client_data("webauthn.get", options), self._data()
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ECDSA(SHA256()))
        response = {"clientDataJSON": client_data, "authenticatorData": data, "signature": signature}
        return self._answer({name: encode(part) for name, part in response.items()} | self._handle())

    @property
    def public_key(self) -> dict[int, Any]:
        """In the words of COSE (RFC 9053)."""
        numbers = self.key.public_key().public_numbers()
        return {1: _EC2, 3: _ES256, -1: _P256, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}

    def _handle(self) -> dict[str, Any]:
        return {"userHandle": encode(self.user_handle) if self.user_handle else None}

    def _data(self, flags: int = 0) -> bytes:
        flags |= PRESENT | VERIFIED * self.verifies | (SYNCABLE | SYNCED) * self.synced
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.sign_count.to_bytes(4)

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        told = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps({**told, "crossOrigin": self.cross_origin}).encode()

    def _answer(self, response: dict[str, Any]) -> dict[str, Any]:
        name = encode(self.credential_id)
        shared = {"id": name, "rawId": name, "type": "public-key", "authenticatorAttachment": "platform"}
        return {**shared, "response": response, "clientExtensionResults": {}}
