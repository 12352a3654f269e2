"""Tests a key that is not to be kept, for the operator: sealed in memory, opened in the request, then gone.

Writes nothing to the database.
"""

from __future__ import annotations

from pydantic import SecretStr

from byok.core.catalogue import Catalogue
from byok.core.local_model import LocalModel
from byok.core.loop import LoopThread
from byok.core.vault import AUTH_HEADERS, Place, Vault, clean_key
from byok.core.wire import Finding, Wire
from byok.ground.ids import new_id


class KeyCheck:
    """What `Keys` does with a draft, without a company and without a row."""

    def __init__(self, *, catalogue: Catalogue, vault: Vault, wire: Wire, loop: LoopThread, local: LocalModel) -> None:
        self._catalogue, self._vault, self._wire, self._loop, self._local = catalogue, vault, wire, loop, local

    def check(self, *, provider_id: str, pasted: SecretStr) -> Finding:
        """What the provider says about the key. Blocks until it is there.

        Raises:
            NotFoundError: there is no such provider.
            InvalidInputError: what was given cannot be a key; the message does not repeat it.
            LocalModelError: the built-in model did not start.
        """
        provider = self._catalogue.get(provider_id)
        place = Place(company_id=new_id(), row_id=new_id(), provider_id=provider.id, origin=provider.binding)
        sealed = self._vault.seal(clean_key(pasted.get_secret_value()), place=place)
        header, prefix = AUTH_HEADERS[provider.auth]
        auth = self._vault.auth(sealed, place=place, header=header, prefix=prefix)
        base_url = provider.base_url if provider.launch == "none" else self._local.base_url()
        return self._loop.run(self._wire.check(provider, base_url=base_url, auth=auth))
