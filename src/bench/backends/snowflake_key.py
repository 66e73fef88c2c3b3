"""A private key as the driver takes it, or one sentence that says why it cannot be used."""

from __future__ import annotations

from bench.errors import ConfigError

KEY = "auth"
"""Not the key of the YAML that holds the key: what follows `private_key:` is masked in every output."""


def decrypted_key(pem: bytes, passphrase: str, source: str) -> bytes:
    """The key in PKCS#8 DER, not encrypted.

    Args:
        pem: The text of the key.
        passphrase: Of an encrypted key; empty for a plain one.
        source: Where the key comes from, for messages.

    Raises:
        ConfigError: It is no private key in PEM, or the passphrase does not open it. The text holds neither.
    """
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    _check_form(pem, passphrase, source)
    try:
        key = load_pem_private_key(pem, passphrase.encode() if passphrase else None)
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    except Exception:  # noqa: BLE001  # OpenSSL's errors come in many classes, and their text helps nobody
        failed = "the passphrase does not open it" if passphrase else "it is damaged"
    # Outside of the handler, so that no context with the key in its frames hangs on.
    raise ConfigError(f"the private key of {source} cannot be read: {failed}", key=KEY)


def _check_form(pem: bytes, passphrase: str, source: str) -> None:
    """Say what `pem` is, where it is no private key or does not go with a passphrase."""
    if b"PUBLIC KEY-----" in pem:
        raise ConfigError(f"{source} holds the public key; give the private one", key=KEY)
    if b"-----BEGIN " not in pem or b"PRIVATE KEY-----" not in pem:
        raise ConfigError(f"{source} holds no private key in PEM (-----BEGIN PRIVATE KEY-----)", key=KEY)
    if b"OPENSSH PRIVATE KEY" in pem:
        raise ConfigError(f"{source} holds a key for ssh; Snowflake takes PKCS#8, as openssl genrsa makes it", key=KEY)
    encrypted = b"BEGIN ENCRYPTED PRIVATE KEY" in pem or b"Proc-Type: 4,ENCRYPTED" in pem
    if encrypted and not passphrase:
        raise ConfigError(
            f"the private key of {source} is encrypted; name the variable with its passphrase in auth.passphrase_env",
            key=KEY,
        )
    if passphrase and not encrypted:
        raise ConfigError(f"the private key of {source} is not encrypted; leave its passphrase out", key=KEY)
